"""Function URLs are answered with 501: moto 5.2.5 creates them, and nothing answers at their addresses."""

from __future__ import annotations

from typing import Any, NoReturn


def apply() -> None:
    """Reject `CreateFunctionUrlConfig` by name."""
    from moto.awslambda.models import LambdaBackend

    def create_function_url_config(self: LambdaBackend, name_or_arn: str, config: dict[str, Any]) -> NoReturn:
        raise NotImplementedError("function URLs; put the function behind a REST API")

    LambdaBackend.create_function_url_config = create_function_url_config
