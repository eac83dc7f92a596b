"""Commands of this project that `make` runs, besides linters and tests."""
