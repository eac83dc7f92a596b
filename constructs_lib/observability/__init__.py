"""What can be seen afterwards: logs, metrics, alarms."""
