"""The data plane of API Gateway: executes the REST APIs that are deployed in moto's control plane.

`gateway.py` takes a request through the steps of `steps.py`; `snapshot.py` makes what they read, once for each
deployment. What rejects a request raises `GatewayError`; for a feature that is missing here, `UnsupportedFeatureError`.

Nothing is imported here, so that the server can listen before moto's backends are loaded.
"""
