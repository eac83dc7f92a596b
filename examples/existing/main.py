"""Routes to an existing function and web server, with an existing function as the authorizer."""

from __future__ import annotations

import os

from cdktf import App
from elsewhere.stack import Elsewhere

from constructs_lib import (
    AwsStack,
    Environment,
    ExistingFunction,
    HttpIntegration,
    LambdaAuthorizer,
    LambdaIntegration,
    RestApi,
)

app = App()
environment = Environment.from_variables(os.environ)
stack = AwsStack(app, "existing", environment=environment)

# A name is looked up when Terraform plans; an ARN is not.
orders = ExistingFunction(stack, "orders", function_name="orders", qualifier="live", timeout_seconds=3)
account = environment.account_id or "123456789012"
guard_arn = f"arn:aws:lambda:{environment.region}:{account}:function:guard:live"
guard = ExistingFunction(stack, "guard", arn=guard_arn, timeout_seconds=3)

api = RestApi(
    stack, "api", name="existingApi", default_authorization=LambdaAuthorizer(name="guard", function=guard)
)
api.resource_for("/orders").add_method("GET", LambdaIntegration(orders))

# A web server gets the request as it is.
stock_url = os.environ.get("STOCK_URL", "https://stock.shop.example")
api.resource_for("/stock/{item}").add_method("GET", HttpIntegration(f"{stock_url}/{{item}}"))
stack.output(invoke_url=api.deploy("prod").invoke_url)

if environment.is_local:
    # A local cloud starts empty, so something has to make the functions there.
    stack.add_dependency(Elsewhere(app, "elsewhere", environment))
app.synth()
