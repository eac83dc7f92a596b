"""Rights and alarms of a service that invokes models of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Sequence

from constructs_lib.aws_stack import AwsStack
from constructs_lib.bedrock import foundation_model_arn
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.partitions import partition_of


def invoke_models(stack: AwsStack, models: Sequence[str], *, stream: bool = False) -> PolicyStatement:
    """Return the statement that allows to invoke models (`bedrock:InvokeModel`), by their ids.

    Args:
        stack: The stack.
        models: Ids of foundation models.
        stream: Whether their answers may be streamed too (`bedrock:InvokeModelWithResponseStream`). Default: False.
    """
    partition = partition_of(stack.region)
    arns = [foundation_model_arn(partition, stack.region, model) for model in models]
    actions = ["bedrock:InvokeModel", *(["bedrock:InvokeModelWithResponseStream"] if stream else [])]
    return PolicyStatement(actions=actions, resources=arns)


def model_calls(stack: AwsStack, models: Sequence[str]) -> dict[str, PaidCalls]:
    """Return the paid calls of models, by the names of their alarms."""
    return {f"{stack.name_prefix}-bedrock-{model}": PaidCalls.of_bedrock(model) for model in models}


def guardrail_calls(stack: AwsStack) -> dict[str, PaidCalls]:
    """Return the paid calls of guardrails, by the name of their alarm."""
    return {f"{stack.name_prefix}-bedrock-guardrails": PaidCalls.of_guardrails()}
