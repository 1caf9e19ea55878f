"""The embedded world a gate can be run against: PostgreSQL, provider emulators, hosted pages, the reference systems.

The sandbox is the second witness: it shares no code with `providers` or `checks`, so that a mistake there cannot
confirm itself here. It refuses every live-looking key except one published rehearsal key.
"""
