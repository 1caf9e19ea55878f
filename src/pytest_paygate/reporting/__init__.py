"""Writing reports: journals read back from disk, rendered, and put beside them. Decides nothing, sends nothing."""
