"""Authorization of methods: Lambda authorizers, tokens of Cognito user pools, and requests signed for IAM.

`steps.py` chooses what a method asks for, and `resource_policy.py` is what the whole API asks for. Each
of the others either fills in what is known of the caller, or ends the request with the fault and the words of
AWS. A request that cannot be decided is rejected.
"""
