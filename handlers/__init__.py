"""The code that runs inside the Lambda functions: one folder a function, and what they share in `common`."""
