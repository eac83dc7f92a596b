"""CloudWatch log groups and their retention."""
