"""SNS topic for alarms."""
