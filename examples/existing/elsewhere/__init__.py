"""Functions of another team."""
