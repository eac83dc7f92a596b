"""The trigger of the user pool."""
