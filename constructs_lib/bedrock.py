"""Rights to invoke models of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from constructs_lib.iam.policy import PolicyStatement

_PROFILES: Final = ("apac", "au", "ca", "eu", "global", "jp", "us", "us-gov")
"""First part of the ids of cross-region inference profiles: the regions to which they send requests."""


def invocation_statements(
    partition: str,
    region: str,
    models: Sequence[str],
    *,
    account_id: str = "*",
    actions: Sequence[str] = ("bedrock:InvokeModel",),
) -> list[PolicyStatement]:
    """Return the statements that allow to invoke models, by their ids.

    An inference profile invokes its foundation model in several regions. It needs the right to both; the one to the
    foundation model is limited to requests through the profile (`bedrock:InferenceProfileArn`).

    Args:
        partition: AWS partition, such as `aws`.
        region: Region in which the models are invoked.
        models: Ids of foundation models, such as `amazon.nova-lite-v1:0`, and of inference profiles, such as
            `eu.amazon.nova-lite-v1:0`.
        account_id: Account whose profiles they are. Default: any.
        actions: Actions. Default: `bedrock:InvokeModel`.
    """
    arns: list[str] = []
    through_profiles: list[PolicyStatement] = []
    for model in models:
        regions, _, foundation_model = model.partition(".")
        if regions not in _PROFILES:
            arns.append(f"arn:{partition}:bedrock:{region}::foundation-model/{model}")
            continue
        profile = f"arn:{partition}:bedrock:{region}:{account_id}:inference-profile/{model}"
        arns.append(profile)
        through_profiles.append(
            PolicyStatement(
                actions=actions,
                resources=[f"arn:{partition}:bedrock:*::foundation-model/{foundation_model}"],
                conditions={"StringLike": {"bedrock:InferenceProfileArn": profile}},
            )
        )
    return [PolicyStatement(actions=actions, resources=arns), *through_profiles]
