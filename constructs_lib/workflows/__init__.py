"""Workflows: Step Functions state machines, said in Python."""
