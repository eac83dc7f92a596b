"""Hand-written Amazon States Language as the definition of a workflow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.checks import check_list, check_type
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.workflows.rendering import Rendered
from constructs_lib.workflows.sdk_services import iam_prefixes
from constructs_lib.workflows.structure import all_states
from constructs_lib.workflows.tasks import CalledFunction

_WHERE: Final = "Workflow.from_definition"
_NAME: Final = re.compile(r"\$\{(?!TfToken\[)([^}]*)\}")
_INTEGRATION: Final = re.compile(r"arn:[^:]+:states:::((?:aws-sdk:)?[^:.]+)")
_FUNCTION: Final = re.compile(r"arn:[^:]+:lambda:")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandWritten:
    """Parsed definition; see `Workflow.from_definition`.

    Attributes:
        asl: Definition with ARNs for the references.
        functions: Functions that it invokes.
        arns: ARNs of these functions in the definition.
        permissions: Further permissions of its role.
    """

    asl: Mapping[str, Any]
    functions: tuple[CalledFunction, ...] = ()
    arns: tuple[str, ...] = ()
    permissions: tuple[PolicyStatement, ...] = ()

    @classmethod
    def read(
        cls,
        definition: Mapping[str, Any] | str,
        *,
        references: Mapping[str, CalledFunction | str],
        permissions: Sequence[PolicyStatement],
    ) -> HandWritten:
        """Read a definition; see `Workflow.from_definition`."""
        check_list(_WHERE, "permissions", permissions)
        for one in permissions:
            check_type(_WHERE, "one of permissions", one, PolicyStatement)
        if isinstance(definition, str):
            try:
                content = json.loads(definition)
            except ValueError as error:
                raise InvalidArgumentError(_WHERE, f"is not JSON ({error})", "correct it") from None
        else:
            content = definition
        if not isinstance(content, Mapping):
            raise InvalidArgumentError(
                _WHERE, f"is of type {type(content).__name__}", "pass an object with StartAt and States"
            )
        reader = _Reader(references)
        asl = reader.read(content)
        unused = sorted(set(references) - reader.used)
        if unused:
            raise InvalidArgumentError(
                _WHERE,
                f"reference '{unused[0]}' does not occur in it",
                f"write ${{{unused[0]}}}, or remove it",
            )
        return cls(
            asl=asl,
            functions=tuple(reader.functions.values()),
            arns=tuple(reader.arns.values()),
            permissions=tuple(permissions),
        )

    def rendered(self, where: str, *, timeout_seconds: int | None) -> Rendered:
        """Return it rendered, for a Workflow.

        Raises:
            ConstructError: if it has a timeout already, or no permission allows what a state calls.
        """
        asl = dict(self.asl)
        if timeout_seconds is not None:
            if asl.get("TimeoutSeconds", timeout_seconds) != timeout_seconds:
                raise ConflictError(
                    where,
                    f"the definition has TimeoutSeconds {asl['TimeoutSeconds']}, and timeout_seconds is {timeout_seconds}",
                    "leave one of them out",
                )
            asl["TimeoutSeconds"] = timeout_seconds
        return Rendered(asl=asl, functions=self.functions, permissions=self.permissions)

    def check_permissions(self, where: str) -> None:
        """Check that a permission allows each call. The structure must be valid.

        Raises:
            InvalidArgumentError: if a permission is missing.
        """
        allowed = {action.partition(":")[0] for one in self.permissions for action in one.actions}
        for name, state in all_states(self.asl):
            if state["Type"] != "Task":
                continue
            needed = _needed(str(state["Resource"]))
            called = json.dumps(state)
            if needed == ["lambda"] and any(json.dumps(arn)[1:-1] in called for arn in self.arns):
                continue
            if needed and allowed.isdisjoint(needed):
                starts = " or ".join(f"'{one}:'" for one in needed)
                raise InvalidArgumentError(
                    f"{where}/{name}",
                    f"no permission allows {state['Resource']}",
                    "name functions by references={...}, and pass permissions=[PolicyStatement(...)] for all else; the "
                    f"actions start with {starts}",
                )


def _needed(resource: str) -> Sequence[str]:
    """Return the IAM prefixes of which the role needs one. Empty if it needs none, or they are not known."""
    integration = _INTEGRATION.match(resource)
    if integration is not None:
        return iam_prefixes(integration[1])
    return ["lambda"] if _FUNCTION.match(resource) else ()


class _Reader:
    def __init__(self, references: Mapping[str, CalledFunction | str]) -> None:
        self.functions: dict[str, CalledFunction] = {}
        self.arns: dict[str, str] = {}
        self.used: set[str] = set()
        self._references = references

    def read(self, value: Any) -> Any:
        """Return a value with its references replaced."""
        if isinstance(value, Mapping):
            return {key: self.read(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.read(one) for one in value]
        if isinstance(value, str):
            return _NAME.sub(self._named, value)
        if hasattr(value, "qualified_arn"):
            return self._function(value)
        return value

    def _named(self, match: re.Match[str]) -> str:
        name = match[1]
        if name not in self._references:
            raise InvalidArgumentError(
                _WHERE,
                f"refers to '${{{name}}}', which is not in references",
                f"pass references={{'{name}': ...}}",
            )
        self.used.add(name)
        value = self._references[name]
        return value if isinstance(value, str) else self._function(value)

    def _function(self, function: CalledFunction) -> str:
        name = function.function_name
        self.functions[name] = function
        # cdktf creates a new token for the same reference each time.
        return self.arns.setdefault(name, function.qualified_arn)
