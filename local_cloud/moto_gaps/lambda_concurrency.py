"""A function whose reserved concurrency is zero, which is how a function is switched off.

moto 5.2.5 describes a function that reserves nothing and one that reserves zero alike, so that Terraform plans to set
the zero for ever.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Describe the reserved concurrency whenever there is one."""
    from moto.awslambda.models import LambdaFunction

    original = LambdaFunction.get_code

    def get_code(function: Any) -> dict[str, Any]:
        description: dict[str, Any] = original(function)
        if function.reserved_concurrency is not None:
            description["Concurrency"] = {"ReservedConcurrentExecutions": int(function.reserved_concurrency)}
        return description

    LambdaFunction.get_code = get_code
