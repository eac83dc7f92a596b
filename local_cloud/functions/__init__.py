"""Lambda functions on this machine: one process per concurrent invocation, under AWS's own runtime client."""
