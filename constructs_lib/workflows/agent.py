"""Agent: states in which a language model works on a task by calling operations, within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from constructs_lib.checks import check_list, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError, LimitExceededError
from constructs_lib.stack_defaults import AiBackend
from constructs_lib.workflows.branches import Parallel
from constructs_lib.workflows.chat_task import check_route
from constructs_lib.workflows.expressions import (
    MAX_DATA_BYTES,
    Item,
    Jsonata,
    Variable,
    check_variable,
    code_of,
    delimited,
    expressions_in,
)
from constructs_lib.workflows.failures import Catch
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, GoTo, Machines, Pass, Succeed
from constructs_lib.workflows.tasks import CalledFunction, FunctionTask, Place, ServiceCall

if TYPE_CHECKING:
    from pydantic import BaseModel

    from constructs_lib.service_contract import ServiceOperation

TURN: Final = "chat.turn"
"""Operation that asks the model of an agent for its next step."""

_AGAIN: Final = "again"
_MOST_TOOLS: Final = 20
_SECONDS_TO_END: Final = 5
"""Time in which a call of the model that reached `max_seconds` returns."""

_NANO: Final = 1_000_000_000
_BYTES_PER_CHARACTER: Final = 4
_ROOM_BYTES: Final = 60_000
"""Room in the data of a state for what is besides the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTool:
    """Operation that an agent may call.

    Attributes:
        operation: Operation of a service's contract. Its summary and request model describe it to the model. It may send no
            prompt to a language model itself, as its upper bound is needed before each call.
        function: Function of the service. The workflow's role may invoke its alias.
        given: Fields of the request that the workflow sets. The model neither sees nor sets them. Default: none.
        source: Fields that the service reads from objects: URLs by field, as `runner.links` makes them. Default: none.
        description: Description for the model. Default: the operation's summary.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> tool = AgentTool(operation=read_text, function=function, given={"image": Input("body.image")})
        >>> tool.schema["properties"]
        {}
    """

    operation: ServiceOperation
    function: CalledFunction
    given: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None

    def __post_init__(self) -> None:
        where = "AgentTool"
        if not hasattr(self.operation, "request_model"):
            raise InvalidArgumentError(
                where,
                f"operation is of type {type(self.operation).__name__}",
                "pass an operation of a contract, such as read_text of handlers/vision/contract.py",
            )
        model = self.operation.request_model
        names = () if model is None else model.model_fields
        for name in (*self.given, *self.source):
            if name not in names:
                raise InvalidArgumentError(
                    f"{where} {self.operation.name}",
                    f"sets '{name}', which the operation does not take",
                    f"use {', '.join(names)}",
                )
        if any(isinstance(one, Item) for one in expressions_in([dict(self.given), dict(self.source)])):
            raise InvalidArgumentError(
                f"{where} {self.operation.name}",
                "reads the item of a Map, which the states of an agent do not have",
                "set a variable before: Pass(…, variables={'item': Item()})",
            )
        if any(self._sends_prompt(backend) for backend in get_args(AiBackend)):
            raise InvalidArgumentError(
                f"{where} {self.operation.name}",
                "may send a prompt to a language model, which the budget of the agent does not count",
                "set the field that decides it in given, such as {'style': 'extractive'}, or call the operation in a state of "
                "the workflow",
            )

    def _sends_prompt(self, backend: AiBackend) -> bool:
        prompt = self.operation.prompt
        try:
            return prompt is not None and prompt(dict(self.given), backend) is not None
        except ValueError:  # the prompt depends on what the model would set
            return True

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of what the model sets."""
        model = self.operation.request_model
        schema: dict[str, Any] = {"type": "object"} if model is None else model.model_json_schema()
        hidden = {*self.given, *self.source}
        properties = {
            name: value for name, value in schema.get("properties", {}).items() if name not in hidden
        }
        required = [name for name in schema.get("required", ()) if name not in hidden]
        return {**schema, "properties": properties, "required": required, "additionalProperties": False}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _AgentTask(FunctionTask):
    """Task of an agent. Its call has a row of its own in the ledger, which names the agent."""

    agent: str

    def call(self, place: Place) -> ServiceCall:
        """See `TaskState`."""
        if place.charge is not None:
            charge = Jsonata(f"$merge([{place.charge.code}, {code_of({'agent': self.agent})}])")
            place = replace(place, charge=charge)
        return FunctionTask.call(self, place)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Turn(_AgentTask):
    """Asks the model. Its output is the state of the agent, and the variable `following` the next state."""

    request: Mapping[str, Any]
    following: str

    @property
    def payload(self) -> Mapping[str, Any]:
        """See `FunctionTask`."""
        return {"operation": TURN, "input": self.request}

    def fields(self, machines: Machines) -> dict[str, Any]:
        """See `State`."""
        fields = FunctionTask.fields(self, machines)
        # Not in `request`, as they are the data of the agent and not the item of an iteration.
        given = fields["Arguments"]["Payload"]["input"]
        given |= {name: delimited(f"$states.input.{name}") for name in ("state", "observation")}
        fields["Assign"] = {self.following: delimited("$states.result.Payload.next")}
        return fields


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _ToolCall(_AgentTask):
    """Calls the operation of a tool. Its output is the state of the agent with the result."""

    tool: AgentTool
    characters: int

    @property
    def payload(self) -> Mapping[str, Any]:
        """See `FunctionTask`."""
        source = {"inputFrom": dict(self.tool.source)} if self.tool.source else {}
        return {"operation": self.tool.operation.name, "input": dict(self.tool.given), **source}

    def fields(self, machines: Machines) -> dict[str, Any]:
        """See `State`."""
        fields = FunctionTask.fields(self, machines)
        left = "$ceil(($states.input.state.ends_at - $millis()) / 1000)"
        chosen = "$states.input.state.call.input"
        text = f"$substring($string($states.result.Payload), 0, {self.characters})"
        # What the workflow sets comes last, so that nothing replaces it.
        fields["Arguments"]["Payload"]["input"] = delimited(f"$merge([{chosen}, {code_of(self.tool.given)}])")
        fields["TimeoutSeconds"] = delimited(f"$max([1, $min([{self.seconds}, {left}])])")
        fields["Output"] = {
            "state": delimited("$states.input.state"),
            "observation": {"result": delimited(text)},
        }
        return fields


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Failed(Pass):
    """Notes that a tool failed. Its output is the state of the agent with the name of the error."""

    error: str

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        observation = {"error": delimited(f"${self.error}.Error")}
        return {
            "Type": "Pass",
            "Output": {"state": delimited("$states.input.state"), "observation": observation},
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Ended(Succeed):
    """Ends with the answer of the agent."""

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        return {"Type": "Succeed", "Output": delimited("$states.input.result")}


class Agent(Parallel):
    """Language model that works on a task by calling operations, within bounds.

    Each call of the model and of a tool is a state, and has a row in the ledger. The result is
    `{"answer", "complete", "ended_by": "answer" | "steps" | "seconds" | "budget", "steps": [{"tool", "status"}], "turns"}`:
    an agent that reaches a bound ends with what there is, and `complete` is false. If all targets of the route fail, it fails.

    The model chooses tools of the list only, with inputs that fit the request models; others are not called, and the model reads
    why. The task and the results of tools are data: they are contents of messages, and the workflow does not read them.

    The workflow reserves the budget as a whole, so that it needs a `Meter`. The route needs a model that calls tools reliably, which
    `OfflineModel` does not.

    Args:
        name: Name of the state.
        models: The `ChatService`.
        model: Name of one of its routes.
        instructions: Instructions for the model: a plain text.
        task: What the agent works on: data.
        tools: Operations that it may call, at most 20. Default: none.
        answer: Pydantic model of the answer. Default: none; the answer is a text.
        max_steps: The most calls of the model, 1-25. Default: 6.
        max_seconds: The most seconds, 1-3600. The call in progress at the end is stopped. Default: 20.
        budget_usd: The most money of all calls together, in US dollars.
        max_tokens: The most tokens of an answer of the model, 1-131072. Default: 500.
        max_characters: The most characters of the task, 1-100000. Default: 4000.
        max_result_characters: The most characters of a tool's result, or of its input, 1-50000; a result is cut. Default: 3000.
        result: Variable for the result. Default: none.
        catch: Steps after errors. Default: none.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> routes = [ModelRoute("fast", [BedrockModel("amazon.nova-lite-v1:0")])]
        >>> service = AiService(stack, contract, archive=archive)
        >>> models = ChatService(stack, dispatcher_contract, routes=routes, embeddings=service, archive=archive)
        >>> tool = AgentTool(operation=read_text, function=function, given={"image": Input("body.image")})
        >>> agent = Agent(
        ...     "read it",
        ...     models,
        ...     model="fast",
        ...     instructions="Say what the picture is about, in one sentence.",
        ...     task="The picture of this request.",
        ...     tools=[tool],
        ...     budget_usd=0.02,
        ...     result="read",
        ... )
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        models: CalledFunction,
        *,
        model: str,
        instructions: str,
        task: Any,
        tools: Sequence[AgentTool] = (),
        answer: type[BaseModel] | None = None,
        max_steps: int = 6,
        max_seconds: int = 20,
        budget_usd: float,
        max_tokens: int = 500,
        max_characters: int = 4_000,
        max_result_characters: int = 3_000,
        result: str | None = None,
        catch: Sequence[Catch] = (),
    ) -> None:
        where = f"Agent '{name}'"
        check_route(where, models, model)
        _check_texts(where, instructions, answer)
        _check_tools(where, tools)
        for argument, value, most in (
            ("max_steps", max_steps, 25),
            ("max_seconds", max_seconds, 3_600),
            ("max_tokens", max_tokens, 131_072),
            ("max_characters", max_characters, 100_000),
            ("max_result_characters", max_result_characters, 50_000),
        ):
            check_range(where, argument, value, 1, most)
        size = _BYTES_PER_CHARACTER * (max_characters + 2 * max_steps * max_result_characters) + _ROOM_BYTES
        if size > MAX_DATA_BYTES:
            raise LimitExceededError(
                where,
                f"its conversation may have {size:,} bytes, and a state may have {MAX_DATA_BYTES:,}",
                "lower max_steps, max_characters or max_result_characters",
            )
        if isinstance(budget_usd, bool) or not isinstance(budget_usd, int | float) or budget_usd <= 0:
            raise InvalidArgumentError(where, f"budget_usd is {budget_usd!r}", "pass US dollars above 0")
        request = {
            "model": model,
            "instructions": instructions,
            "tools": [_described(tool) for tool in tools],
            "max_steps": max_steps,
            "max_tokens": max_tokens,
            "max_characters": max_characters,
            "max_result_characters": max_result_characters,
            "budget_nano_usd": round(budget_usd * _NANO),
            **({} if answer is None else {"answer_schema": answer.model_json_schema()}),
        }
        prefix = "agent" if result is None else result
        check_variable(where, "result", prefix)
        begin = Pass(
            f"{name}: begin",
            output={
                "state": {
                    "task": task,
                    "messages": [],
                    "steps": [],
                    "turns": 0,
                    "spent_nano_usd": 0,
                    "ends_at": Jsonata(f"$millis() + {max_seconds * 1_000}"),
                },
                "observation": None,
            },
        )
        turn = _Turn(
            f"{name}: model",
            models,
            agent=name,
            request=request,
            following=f"{prefix}_next",
            timeout_seconds=min(models.timeout_seconds, max_seconds + _SECONDS_TO_END),
        )
        following, again = Variable(f"{prefix}_next"), GoTo(turn.name)
        calls = [
            (
                following.equals(tool.operation.name),
                _call(name, tool, f"{prefix}_error_{number}", max_result_characters, turn.name),
            )
            for number, tool in enumerate(tools)
        ]
        ended = _Ended(f"{name}: end")
        choice = Choice(f"{name}: next", [*calls, (following.equals(_AGAIN), again)], default=ended)
        Parallel.__init__(self, name, {"agent": begin >> turn >> choice}, result=result, catch=catch)

    def _answer(self) -> Any:
        return delimited("$states.result[0]")


def _call(name: str, tool: AgentTool, error: str, characters: int, turn: str) -> Step:
    """Return the states that call a tool and go back to the model, also if the tool fails."""
    label = f"{name}: {tool.operation.name}"
    failed = _Failed(f"{label} failed", error=error) >> GoTo(turn)
    call = _ToolCall(
        label,
        tool.function,
        agent=name,
        tool=tool,
        characters=characters,
        catch=[Catch(to=failed, result=error)],
    )
    return call >> GoTo(turn)


def _described(tool: AgentTool) -> dict[str, Any]:
    operation = tool.operation
    measure = operation.describe().get("metered_by")
    return {
        "operation": operation.name,
        "description": tool.description or operation.summary,
        "parameters": tool.schema,
        **({} if measure is None else {"metered_by": measure}),
    }


def _check_texts(where: str, instructions: object, answer: object) -> None:
    if not isinstance(instructions, str) or not instructions.strip():
        raise InvalidArgumentError(
            where, "instructions are not a text", "pass a text, and what callers sent as task"
        )
    if answer is not None and not hasattr(answer, "model_json_schema"):
        raise InvalidArgumentError(
            where, f"answer is of type {type(answer).__name__}", "pass a pydantic model"
        )


def _check_tools(where: str, tools: Sequence[AgentTool]) -> None:
    check_list(where, "tools", tools)
    if len(tools) > _MOST_TOOLS:
        raise LimitExceededError(where, f"has {len(tools)} tools", f"pass at most {_MOST_TOOLS}")
    names = [tool.operation.name.replace(".", "_") for tool in tools]
    twice = next((name for name in names if names.count(name) > 1 or name == "answer"), None)
    if twice is not None:
        raise ConflictError(where, f"two tools are named '{twice}' for the model", "remove one of the two")
