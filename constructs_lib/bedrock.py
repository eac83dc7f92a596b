"""Names of Amazon Bedrock's models in IAM policies."""

from __future__ import annotations

from typing import Final

_PROFILES: Final = ("apac", "au", "ca", "eu", "global", "jp", "us", "us-gov")
"""First part of the ids of inference profiles: the regions to which they send requests."""


def profiled_model(model: str) -> str | None:
    """Return the foundation model of a cross-region inference profile; None if the id is not one of a profile.

    Args:
        model: Id, such as `eu.amazon.nova-lite-v1:0`.
    """
    regions, _, rest = model.partition(".")
    return rest if regions in _PROFILES else None


def foundation_model_arn(partition: str, region: str, model: str) -> str:
    """Return the ARN of a foundation model.

    Args:
        partition: AWS partition, such as `aws`.
        region: AWS region.
        model: Id of the model, such as `amazon.nova-lite-v1:0`.
    """
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"
