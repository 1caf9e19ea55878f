"""The rules: money, gates, facts, the journal, the run state machine and the verdict.

Pure. Nothing here opens a file or a socket, reads a clock or the environment, or imports pytest; time, ids and facts
come in as arguments.
"""
