"""Nothing a gate needs to be safe lives here; bare `pytest` collects `tests/` only (see pyproject.toml)."""
