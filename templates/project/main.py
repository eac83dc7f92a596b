"""Everything that is deployed.

`python main.py` writes the Terraform JSON to `cdktf.out`, for the environment that ENVIRONMENT names: local, dev or prod.
"""

from __future__ import annotations

import os

from cdktf import App

from constructs_lib import AiService, AwsStack, Environment, Public, RestApi
from handlers.greeting.contract import greeting

app = App()
stack = AwsStack(app, "PROJECT-NAME", environment=Environment.from_variables(os.environ))

# Services: a Lambda function each. Routes, models and limits are in handlers/<name>/contract.py.
services = [
    AiService(stack, greeting, memory_mb=512),
    # Add yours here.
]

# Anyone may call this API. Pass CognitoAuthorizer, LambdaAuthorizer or IamAuthorization to let in less.
api = RestApi(stack, "api", name="PROJECT-NAME", default_authorization=Public())
api.add_services(*services)
stage = api.deploy("prod")
stack.output(invoke_url=stage.invoke_url)
app.synth()
