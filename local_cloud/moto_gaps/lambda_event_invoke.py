"""The settings of asynchronous invocations, which a function has once for each version or alias.

moto 5.2.5 appends each change to the first settings and still returns those, and it has no qualifiers. Here
`function.event_invoke_config` holds one entry for each qualifier, told apart by their `arn`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownEventConfig
from moto.awslambda.models import EventInvokeConfig
from moto.awslambda.responses import LambdaResponse
from moto.core.responses import ActionResult


def apply() -> None:
    """Replace the five operations."""
    LambdaResponse.put_function_event_invoke_config = _put
    LambdaResponse.update_function_event_invoke_config = _update
    LambdaResponse.get_function_event_invoke_config = _get
    LambdaResponse.delete_function_event_invoke_config = _delete
    LambdaResponse.list_function_event_invoke_configs = _list


def _put(response: Any) -> Any:
    return _store(response, response.json_body)


def _update(response: Any) -> Any:
    present = _find(response)
    return _store(response, {**(present.config if present else {}), **response.json_body})


def _get(response: Any) -> Any:
    return _answer(_required(response).response())


def _delete(response: Any) -> tuple[int, dict[str, int], str]:
    function, _ = _addressed(response)
    gone = _required(response)
    function.event_invoke_config = [item for item in function.event_invoke_config if item is not gone]
    return 204, {"status": 204}, ""


def _list(response: Any) -> Any:
    function, _ = _addressed(response)
    return _answer({"FunctionEventInvokeConfigs": [item.response() for item in function.event_invoke_config]})


def _addressed(response: Any) -> tuple[Any, str]:
    """Return the function that a request names, and the ARN that its qualifier makes of it."""
    name = unquote(response.path.split("/functions/", 1)[1].split("/", 1)[0])
    qualifier = response.querystring.get("Qualifier", ["$LATEST"])[0]
    function = response.backend.get_function(name)
    return function, f"{function.function_arn}:{qualifier}"


def _find(response: Any) -> Any:
    function, arn = _addressed(response)
    return next((item for item in function.event_invoke_config if item.arn == arn), None)


def _required(response: Any) -> Any:
    if (found := _find(response)) is None:
        raise UnknownEventConfig(_addressed(response)[1])
    return found


def _store(response: Any, config: dict[str, Any]) -> Any:
    function, arn = _addressed(response)
    stored = EventInvokeConfig(arn, function.last_modified, config)
    function.event_invoke_config = [item for item in function.event_invoke_config if item.arn != arn] + [
        stored
    ]
    return _answer(stored.response())


def _answer(content: dict[str, Any]) -> Any:
    """Let moto write an answer, dates as the numbers that AWS sends."""
    return ActionResult(content)
