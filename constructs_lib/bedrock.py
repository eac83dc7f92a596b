"""Names of Amazon Bedrock's models in IAM policies."""

from __future__ import annotations


def foundation_model_arn(partition: str, region: str, model: str) -> str:
    """Return the ARN of a foundation model.

    Args:
        partition: AWS partition, such as `aws`.
        region: AWS region.
        model: Id of the model, such as `amazon.nova-lite-v1:0`.
    """
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"
