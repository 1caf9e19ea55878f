"""The gates: each folder is one launch's acceptance and imports the public API of `pytest_paygate` only."""
