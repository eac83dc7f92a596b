"""Lambda functions and their archives."""
