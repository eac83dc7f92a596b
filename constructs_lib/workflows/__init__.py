"""Workflows: Step Functions state machines in Python."""
