"""Rights and alarms of a service that invokes models of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Sequence

from constructs_lib.aws_stack import AwsStack
from constructs_lib.bedrock import foundation_model_arn, profiled_model
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.partitions import partition_of


def invoke_models(stack: AwsStack, models: Sequence[str], *, stream: bool = False) -> list[PolicyStatement]:
    """Return the statements that allow to invoke models (`bedrock:InvokeModel`), by their ids.

    An inference profile invokes its foundation model in several regions. It needs the right to both; the one to the
    foundation model is limited to requests through the profile (`bedrock:InferenceProfileArn`).

    Args:
        stack: The stack.
        models: Ids of foundation models and of inference profiles.
        stream: Whether their answers may be streamed too (`bedrock:InvokeModelWithResponseStream`). Default: False.
    """
    partition = partition_of(stack.region)
    actions = ["bedrock:InvokeModel", *(["bedrock:InvokeModelWithResponseStream"] if stream else [])]
    arns: list[str] = []
    through_profiles: list[PolicyStatement] = []
    for model in models:
        if (foundation_model := profiled_model(model)) is None:
            arns.append(foundation_model_arn(partition, stack.region, model))
            continue
        profile = f"arn:{partition}:bedrock:{stack.region}:{stack.account_id}:inference-profile/{model}"
        arns.append(profile)
        through_profiles.append(
            PolicyStatement(
                actions=actions,
                resources=[foundation_model_arn(partition, "*", foundation_model)],
                conditions={"StringEquals": {"bedrock:InferenceProfileArn": profile}},
            )
        )
    return [PolicyStatement(actions=actions, resources=arns), *through_profiles]


def model_calls(stack: AwsStack, models: Sequence[str]) -> dict[str, PaidCalls]:
    """Return the paid calls of models, by the names of their alarms."""
    return {f"{stack.name_prefix}-bedrock-{model}": PaidCalls.of_bedrock(model) for model in models}


def guardrail_calls(stack: AwsStack) -> dict[str, PaidCalls]:
    """Return the paid calls of guardrails, by the name of their alarm."""
    return {f"{stack.name_prefix}-bedrock-guardrails": PaidCalls.of_guardrails()}
