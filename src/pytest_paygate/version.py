"""The one place where the version is written; hatchling and the run journal read it."""

__version__ = "0.1.0"
