"""Settings: `base` for running, `test` for tests, `typing` for the type checker."""
