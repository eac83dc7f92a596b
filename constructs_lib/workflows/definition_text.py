"""Definition as text: for Terraform, and in files beside the stack's configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from constructs import Construct

from constructs_lib.aws_stack import AwsStack
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.references import resolved, text_of
from constructs_lib.workflows.mermaid import mermaid

_TOKEN: Final = re.compile(r"\$\{TfToken\[TOKEN\.\d+\]\}")
_TOKEN_START: Final = re.compile(r"\$\{(?!TfToken\[)")


def as_literal(asl: Mapping[str, Any]) -> str:
    """Return the definition as JSON whose only Terraform expressions are the references of cdktf."""
    text = json.dumps(asl, separators=(",", ":"))
    return _TOKEN_START.sub("$${", text).replace("%{", "%%{")


def distinct(stack: AwsStack, permissions: Sequence[PolicyStatement]) -> list[PolicyStatement]:
    """Return each permission once. cdktf creates a new token for the same reference each time."""
    resolved = _resolved(stack, [one.as_dict() for one in permissions])
    return [one for index, one in enumerate(permissions) if resolved[index] not in resolved[:index]]


def write_artefacts(workflow: Construct, name: str, asl: Mapping[str, Any]) -> None:
    """Write the definition and the picture of a workflow beside the configuration of its stack."""
    stack = AwsStack.of(workflow)
    place = stack.folder / "workflows"
    place.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_resolved(stack, asl), indent=2, ensure_ascii=False)
    (place / f"{name}.asl.json").write_text(f"{text}\n", encoding="utf-8")
    (place / f"{name}.mmd").write_text(mermaid(asl), encoding="utf-8")


def _resolved(stack: AwsStack, value: Any) -> Any:
    """Return data with cdktf's tokens resolved to Terraform's expressions."""
    text = json.dumps(value)
    names = {token: text_of(token, stack) for token in sorted(set(_TOKEN.findall(text)))}
    unknown = [token for token, name in names.items() if name is None]
    if unknown:
        # Only the tokens, each once: resolving whole data in cdktf is slow, and so is passing it from Python
        # and back.
        names |= dict(zip(unknown, resolved(unknown, stack), strict=True))
    if not names:
        return value
    as_json = {token: json.dumps(name)[1:-1] for token, name in names.items()}
    return json.loads(_TOKEN.sub(lambda token: as_json[token[0]], text))
