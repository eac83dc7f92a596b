"""Base class of the constructs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.references import make
from constructs_lib.stacks import note_place

_Arguments = ParamSpec("_Arguments")
_Resource = TypeVar("_Resource", bound=TerraformResource)


class AwsConstruct(Construct):
    """Construct in an `AwsStack`, which finds it by its class (`AwsStack.find_all`).

    It records its path and its stack when it is created, because asking cdktf is a round trip to jsii's Node
    process. Derive your own constructs from it.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        note_place(self, scope, construct_id)

    def _create(
        self,
        kind: Callable[Concatenate[Construct, str, _Arguments], _Resource],
        construct_id: str,
        /,
        *arguments: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> _Resource:
        """Create a Terraform resource of this construct; see `references.make`."""
        return make(kind, self, construct_id, *arguments, **named)
