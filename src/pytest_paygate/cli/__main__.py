"""Run the command as `python -m pytest_paygate.cli`."""

from pytest_paygate.cli import main

main()
