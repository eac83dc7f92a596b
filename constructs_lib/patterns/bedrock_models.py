"""Rights and alarms of a service that invokes models of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Sequence

from constructs_lib.aws_stack import AwsStack
from constructs_lib.bedrock import invocation_statements
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.partitions import partition_of


def invoke_models(stack: AwsStack, models: Sequence[str], *, stream: bool = False) -> list[PolicyStatement]:
    """Return the statements that allow to invoke models (`bedrock:InvokeModel`), by their ids.

    Args:
        stack: The stack.
        models: Ids of foundation models and of inference profiles.
        stream: Whether their answers may be streamed too (`bedrock:InvokeModelWithResponseStream`). Default: False.
    """
    actions = ["bedrock:InvokeModel", *(["bedrock:InvokeModelWithResponseStream"] if stream else [])]
    partition, account_id = partition_of(stack.region), stack.account_id
    return invocation_statements(partition, stack.region, models, account_id=account_id, actions=actions)


def model_calls(stack: AwsStack, models: Sequence[str]) -> dict[str, PaidCalls]:
    """Return the paid calls of models, by the names of their alarms."""
    return {f"{stack.name_prefix}-bedrock-{model}": PaidCalls.of_bedrock(model) for model in models}


def guardrail_calls(stack: AwsStack) -> dict[str, PaidCalls]:
    """Return the paid calls of guardrails, by the name of their alarm."""
    return {f"{stack.name_prefix}-bedrock-guardrails": PaidCalls.of_guardrails()}
