"""Effects, one port each: files, clock, HTTP, polling, PostgreSQL, the operator, the payer.

Everything here reaches the outside world for the rules in `core`; nothing here decides a status or a verdict.
"""
