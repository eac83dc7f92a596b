"""Limits for callers: usage plans, API keys and requests per minute."""
