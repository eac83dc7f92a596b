"""Difference between two configurations of a stack: what can be updated directly, and what takes Terraform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_CODE: Final = frozenset({"filename", "source_code_hash", "s3_key"})
"""Arguments of a function that change with its code."""
_UPLOAD: Final = frozenset({"key", "source", "source_hash", "etag"})
"""Arguments of an object in a bucket that change with its content."""


@dataclass(frozen=True, slots=True)
class ConfigurationChanges:
    """Difference between two configurations of a stack.

    Attributes:
        functions: Addresses of the functions of which only the code differs.
        machines: Addresses of the state machines of which only the definition differs.
        others: Addresses of all else that differs; such as `output.url` for what is not a resource.
    """

    functions: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.functions or self.machines or self.others)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> ConfigurationChanges:
    """Compare two configurations, as `cdk.tf.json` holds them."""
    functions, machines, others = [], [], []
    resources = dict(_resources(before)), dict(_resources(after))
    uploads = {_upload(body) for body in resources[1].values()}
    for address in sorted({*resources[0], *resources[1]}):
        differing = _differing(resources[0].get(address), resources[1].get(address))
        kind = address.partition(".")[0]
        if not differing:
            continue
        if kind == "aws_lambda_function" and differing <= _CODE:
            functions.append(address)
        elif kind == "aws_sfn_state_machine" and differing == {"definition"}:
            machines.append(address)
        elif not (kind == "aws_s3_object" and address in uploads and differing <= _UPLOAD):
            others.append(address)
    for section in sorted({*before, *after} - {"resource", "//"}):
        one, other = before.get(section, {}), after.get(section, {})
        names = {*one, *other} if isinstance(one, Mapping) and isinstance(other, Mapping) else ()
        others += [f"{section}.{name}" for name in sorted(names) if one.get(name) != other.get(name)]
    return ConfigurationChanges(tuple(functions), tuple(machines), tuple(others))


def _resources(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind, named in configuration.get("resource", {}).items():
        for name, body in named.items():
            yield f"{kind}.{name}", body


def _differing(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> set[str]:
    """Return the names of the arguments that differ; `*` if the resource is in one configuration only."""
    if one is None or other is None:
        return {"*"}
    return {name for name in {*one, *other} - {"//"} if one.get(name) != other.get(name)}


def archive_file(
    configuration: Mapping[str, Any], function: Mapping[str, Any]
) -> tuple[str | None, dict[str, str]]:
    """Return the file of a function's archive, None if it is not one of the stack, and the attributes that name it.

    Args:
        configuration: Configuration of the stack.
        function: Arguments of the function in it.
    """
    if "filename" in function:
        return function["filename"], {"filename": function["filename"]}
    name = _upload(function).removeprefix("aws_s3_object.")
    upload = configuration["resource"].get("aws_s3_object", {}).get(name)
    return (None, {}) if upload is None else (upload["source"], {"s3_key": upload["key"]})


def _upload(function: Mapping[str, Any]) -> str:
    """Return the address of the object with a function's archive; another text if there is none."""
    return str(function.get("s3_key")).removeprefix("${").removesuffix(".key}")


def resource(configuration: Mapping[str, Any], address: str) -> Mapping[str, Any]:
    """Return the arguments of a resource."""
    kind, _, name = address.partition(".")
    found: Mapping[str, Any] = configuration["resource"][kind][name]
    return found
