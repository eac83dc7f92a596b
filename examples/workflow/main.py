"""Two services, and a workflow that asks the second one when the first one fails."""

from __future__ import annotations

import os

from cdktf import App

from constructs_lib import (
    AwsStack,
    Environment,
    Function,
    Input,
    LambdaArchive,
    LambdaTask,
    Public,
    RestApi,
    StepFunctionsIntegration,
    Succeed,
    Variable,
    Workflow,
)

app = App()
stack = AwsStack(app, "workflow", environment=Environment.from_variables(os.environ))
careful, quick = (
    Function(
        stack,
        name,
        archive=LambdaArchive(name, target=stack.archive_target),
        handler="app.handler",
        timeout_seconds=5,
    )
    for name in ("careful", "quick")
)
text = {"text": Input("body.text")}
first = LambdaTask("ask the careful service", careful, input=text, timeout_seconds=6, result="answer")
second = LambdaTask("ask the quick service", quick, input=text, timeout_seconds=6, result="answer")
steps = first.or_else(second) >> Succeed("answer", output=Variable("answer"))
workflow = Workflow(stack, "summary", definition=steps, timeout_seconds=27)

api = RestApi(stack, "api", name="workflowApi")
api.resource_for("/summary").add_method("POST", StepFunctionsIntegration(workflow), authorization=Public())
stack.output(invoke_url=api.deploy("prod").invoke_url)
app.synth()
