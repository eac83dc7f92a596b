"""Alarms, dashboard and budget over everything else."""
