"""The Lambda authorizer for partners: who holds a token that was given out."""
