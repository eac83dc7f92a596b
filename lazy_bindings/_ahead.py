"""Which requests to jsii need not be waited for, because they cannot fail and nothing is asked of the answer.

What could fail, Python waits for, so that an error is raised where it was caused: an id that is taken or is not plain, a
scope in no stack, a value whose type Python has not checked. What jsii finds wrong beyond that is raised by the next
request that is waited for.
"""

import json
import re
from typing import Any

from jsii._kernel.providers.process import jdefault
from jsii._kernel.types import CreateRequest, KernelRequest, SetRequest

from lazy_bindings._provider import ASSEMBLY

_STACK = "cdktf.TerraformStack"
_CONSTRUCT = "constructs.Construct"
_OUTPUT = "cdktf.TerraformOutput"

_PLAIN_ID = re.compile(r"[!-#%-~]+")
"""Without spaces, and without the `$` of a token."""
_MAP_IN_A_LIST = re.compile(r'(?:\[|, )\{"\$jsii\.map": ')
"""A dict given in place of one of several structs; Python has not looked into it. (In a text, quotes are escaped.)"""

_CALLED_LATE = frozenset({"constructs.IValidation", "cdktf.IAspect"})
"""What jsii calls only during the synthesis, of all that Python can implement."""


class Constructs:
    """The constructs that jsii has been asked for, as far as it takes to know that one more can be made."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        """The ids of the children of every construct in a stack, by its reference."""
        self._calls_back = False
        self._number = 0

    def ahead(self, request: KernelRequest) -> tuple[str, str] | None:
        """What to call the object that the request makes, or the change, and the request as JSON.

        None if the answer must be waited for.
        """
        if self._calls_back:
            return None
        if isinstance(request, SetRequest):
            return self._order(request)
        return self._construct(request) if isinstance(request, CreateRequest) else None

    def _construct(self, request: CreateRequest) -> tuple[str, str] | None:
        siblings, id_ = self._place(request)
        if siblings is None or request.overrides or not _is_plain(request):
            return None
        if id_ in siblings or not _PLAIN_ID.fullmatch(id_):
            return None
        text = _text(fqn=request.fqn, args=request.args, interfaces=request.interfaces, api="create")
        if _MAP_IN_A_LIST.search(text):
            return None
        self._number += 1
        name = f"{request.fqn}@ahead-{self._number}"
        siblings.add(id_)
        self._ids[name] = set()
        return name, text

    def _order(self, request: SetRequest) -> tuple[str, str] | None:
        reference, names = request.objref.ref, request.value
        if request.property != "dependsOn" or reference not in self._ids or not isinstance(names, list):
            return None
        if not all(isinstance(name, str) for name in names):
            return None
        text = _text(objref={"$jsii.byref": reference}, property=request.property, value=names, api="set")
        return f"{reference}.{request.property}", text

    def made(self, request: CreateRequest, reference: str | None) -> None:
        """Takes note of what was waited for.

        Args:
            request: What jsii was asked.
            reference: What it calls the object; None while it has something to ask of Python first.
        """
        if request.overrides and not _CALLED_LATE.issuperset(request.interfaces or ()):
            self._calls_back = True
        siblings, id_ = self._place(request)
        if siblings is not None:
            siblings.add(id_)
        if reference is not None and (siblings is not None or request.fqn == _STACK):
            self._ids[reference] = set()

    def _place(self, request: CreateRequest) -> tuple[set[str] | None, str]:
        """The ids that are taken where the request makes something, and the id it has there."""
        match request.args:
            case [scope, str(id_), *_] if (reference := getattr(scope, "__jsii_ref__", None)) is not None:
                return self._ids.get(reference.ref), id_.replace("/", "--")  # as constructs does
        return None, ""


def _is_plain(request: CreateRequest) -> bool:
    match request.args:
        case [_, _]:
            return request.fqn == _CONSTRUCT
        case [_, _, {"$jsii.struct": _}]:
            return request.fqn == _OUTPUT or request.fqn.startswith(f"{ASSEMBLY}.")
    return False


def _text(**message: Any) -> str:
    return json.dumps(message, default=_unstructured)


def _unstructured(value: Any) -> Any:
    return jdefault(value)  # type: ignore[no-untyped-call]
