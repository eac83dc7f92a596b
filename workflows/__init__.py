"""Workflows over several services. Each file has one workflow, which `main.py` declares."""
