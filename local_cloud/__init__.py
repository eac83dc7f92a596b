"""An AWS on this machine: moto's control plane, and a data plane that really runs REST APIs and Lambda functions.

`python -m local_cloud serve` starts it; `server.py` is where a request arrives.
"""
