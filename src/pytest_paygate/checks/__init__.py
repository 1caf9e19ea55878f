"""Pure checks: facts in, findings out. They import `core` only and never look anything up themselves."""
