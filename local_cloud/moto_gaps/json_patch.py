"""API Gateway's patch operations, for the objects whose update moto lacks or gets wrong.

An object says which paths it knows; everything else is refused, so that no change is ever dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.apigateway.exceptions import BadRequestException, NotFoundException
from moto.core.utils import camelcase_to_underscores

# What AWS says where a member is changed or removed that is not there; other maps take it.
_MISSING = {
    "request_parameters": "Invalid parameter name specified",
    "response_parameters": "Invalid parameter name specified",
    "request_models": "Content-Type specified was not found",
    "response_models": "Content-Type specified was not found",
}


def integer(text: str | None) -> int | None:
    """Read a whole number; None stays None."""
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise BadRequestException(f"Invalid patch value '{text}': it is not a number") from None


@dataclass(frozen=True, slots=True)
class Scalar:
    """A path with one value.

    Attributes:
        attribute: The attribute of moto's object.
        read: Reads the value from its text.
        default: What `remove` leaves.
    """

    attribute: str
    read: Callable[[Any], Any] = lambda value: value
    default: Any = None


def plain(*names: str) -> dict[str, Scalar]:
    """Return paths whose attributes in moto have the same names, in snake case."""
    return {name: Scalar(camelcase_to_underscores(name)) for name in names}


@dataclass(frozen=True, slots=True)
class Patchable:
    """The paths that an object knows.

    Attributes:
        scalars: Paths with one value.
        maps: Paths of maps (`/requestTemplates/application~1json`): the attribute and how a value is read.
        lists: Paths of lists, whose members stand in the value or at the end of the path.
    """

    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    maps: Mapping[str, Scalar] = field(default_factory=dict)
    lists: Mapping[str, Scalar] = field(default_factory=dict)

    def allows(self, kind: str) -> bool:
        """Return whether an operation is for paths with one value; some objects know `replace` only."""
        return kind == "replace" or (kind == "remove" and bool(self.maps or self.lists))

    def problem(self, kind: str, path: str) -> str:
        """Return what AWS says of an operation that an object does not know."""
        if self.maps or self.lists:
            return f"Invalid patch path {path}"
        supported = f"Must be one of: [{', '.join(f'/{name}' for name in self.scalars)}]"
        if kind != "replace":
            supported = "Please choose supported operations"
        return f"Invalid patch path  '{path}' specified for op '{kind}'. {supported}"


def apply_patch(target: Any, patchable: Patchable, operations: Iterable[Mapping[str, Any]] | None) -> None:
    """Carry out patch operations on one of moto's objects.

    Raises:
        BadRequestException: moto's error for an operation or a path that the object does not know.
    """
    for operation in operations or ():
        kind, path, value = operation["op"], operation.get("path") or "null", operation.get("value")
        name, _, rest = path.lstrip("/").partition("/")
        member = unescape(rest)
        if kind not in ("add", "replace", "remove"):
            raise BadRequestException(
                f"Invalid patch operation specified. Must be one of: [add, remove, replace], not {kind}"
            )
        scalar = patchable.scalars.get(path.lstrip("/"))
        if scalar is not None and patchable.allows(kind):
            setattr(target, scalar.attribute, scalar.default if kind == "remove" else scalar.read(value))
        elif name in patchable.maps and member:
            _patch_map(target, patchable.maps[name], kind, member, value)
        elif name in patchable.lists and (member or value):
            _patch_list(target, patchable.lists[name], kind, member or value, value)
        else:
            raise BadRequestException(patchable.problem(kind, path))


def unescape(pointer: str) -> str:
    """Read one segment of a JSON pointer."""
    return pointer.replace("~1", "/").replace("~0", "~")


def _patch_map(target: Any, spec: Scalar, kind: str, key: str, value: Any) -> None:
    # A new dictionary each time: moto hands the same one to answers that are being written on other threads.
    content = dict(getattr(target, spec.attribute) or {})
    if kind != "add" and key not in content and (missing := _MISSING.get(spec.attribute)):
        raise NotFoundException(missing)
    if kind == "remove":
        content.pop(key, None)
    else:
        content[key] = spec.read(value)
    setattr(target, spec.attribute, content)


def _patch_list(target: Any, spec: Scalar, kind: str, member: Any, value: Any) -> None:
    content = list(getattr(target, spec.attribute) or [])
    if kind == "remove":
        content = [item for item in content if item != member]
    elif kind == "replace" and value is not None and member != value:
        content = [*(item for item in content if item != member), value]
    elif kind == "replace":
        content = [] if value is None else [value]
    elif member not in content:
        content.append(member)
    setattr(target, spec.attribute, content)
