"""Constructs made of several others, for what a whole stack usually needs; each part can be used by itself."""
