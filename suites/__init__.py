"""The gates. Each folder is one launch's acceptance; they import the public API of `pytest_paygate` and nothing else."""
