"""The project's own commands: what `make` runs besides the linters and the tests."""
