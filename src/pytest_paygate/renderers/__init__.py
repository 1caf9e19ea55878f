"""Views of a folded journal: session log, session report, evidence, go/no-go. Pure: state in, text out.

Nothing here reads a file or a clock, so the same journal always gives the same bytes.
"""
