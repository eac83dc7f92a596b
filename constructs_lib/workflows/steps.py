"""States of a workflow besides its tasks.

A step is one state or several. `one >> other` chains them; `Choice`, `Parallel` and `Map` contain steps. All
of it is plain data, which `rendering.py` renders in Amazon States Language.

States pass data by name: `result` is the variable for a state's result, which later states read with
`Variable`. Without `result`, the result becomes the output of the state. The output of the last state is the
result of the workflow, the branch or the iteration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from constructs_lib.checks import check_pattern, check_range
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.workflows.expressions import (
    Condition,
    Expression,
    check_variable,
    delimited,
    template,
)
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.step import Step

MAX_NAME_LENGTH: Final = 80
"""Step Functions' quota for the name of a state."""

KEPT: Final = delimited("$states.input")
"""Output of a state that passes its input on."""

_LONGEST_WAIT_SECONDS: Final = 31_536_000


class Machines(Protocol):
    """Renderer of the steps inside a state."""

    def machine(self, step: Step) -> dict[str, Any]:
        """Return the machine of these steps: its states and the first one."""


@dataclass(frozen=True, slots=True, eq=False)
class GoTo(Step):
    """Jump to a state elsewhere in the same workflow, branch or iteration, for loops.

    Attributes:
        name: Name of the state.

    Example:
        >>> again = Wait("a moment", seconds=5) >> GoTo("look")
    """

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Continue(Step):
    """Empty step of a `Choice`: continue with the step after it.

    Example:
        >>> kind = Choice("kind", [(Input("scan").equals(True), Pass("scan"))], default=Continue())
    """


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fallback(Step):
    """Step with an alternative, the result of `or_else`.

    Attributes:
        first: State that may fail.
        instead: Step that runs if it fails.
        errors: Names of the errors that count.
        error_result: Variable for the error, or None.
    """

    first: CatchingState
    instead: Step
    errors: tuple[str, ...]
    error_result: str | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Guarded(Step):
    """State with a step that runs only if it succeeds, and with further Catches. All continue with the next step.

    Attributes:
        first: State that may fail.
        then: Step that runs if it succeeds.
        catch: Catches after its own.
    """

    first: CatchingState
    then: Step
    catch: tuple[Catch, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State(Step):
    """State.

    Attributes:
        name: Name, unique in the workflow, at most 80 characters.
    """

    ends: ClassVar[bool] = False
    """Whether no state can follow."""

    name: str = field(kw_only=False)

    def __post_init__(self) -> None:
        check_pattern(
            type(self).__name__,
            "name",
            self.name,
            rf"[\w .,:;?!()+/&'-]{{1,{MAX_NAME_LENGTH}}}",
            f"use 1 to {MAX_NAME_LENGTH} letters, digits, blanks and punctuation",
        )

    @property
    def where(self) -> str:
        """Name of the state in error messages."""
        return f"{type(self).__name__} '{self.name}'"

    def fields(self, machines: Machines) -> dict[str, Any]:
        """Return its fields in Amazon States Language, without the next state."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CatchingState(State):
    """State with retries and error handling.

    Attributes:
        result: Variable for its result. Default: none; the result is the input of the next state.
        retry: Retries. The first one with the error applies.
        catch: Steps after errors that remain after the retries. The first one with the error applies.
    """

    result: str | None = None
    retry: Sequence[Retry] = ()
    catch: Sequence[Catch] = ()

    def __post_init__(self) -> None:
        State.__post_init__(self)
        if self.result is not None:
            check_variable(self.where, "result", self.result)
        for argument, kind in (("retry", Retry), ("catch", Catch)):
            values = getattr(self, argument)
            if isinstance(values, kind):
                raise InvalidArgumentError(
                    self.where, f"{argument} is not a list", f"pass [{kind.__name__}(...)]"
                )
            object.__setattr__(self, argument, tuple(values))

    def or_else(
        self, instead: Step, *, errors: Sequence[str] = ("States.ALL",), result: str | None = None
    ) -> Fallback:
        """Return this state with an alternative for failures, such as a second model or a fixed response.

        Give both the same `result`, so that the steps after them can read it.

        Args:
            instead: Step that runs if the state fails.
            errors: Names of the errors that count. Default: all.
            result: Variable for the error, as `{"Error": name, "Cause": text}`. Default: none.
        """
        caught = Catch(to=instead, errors=errors, result=result)
        return Fallback(first=self, instead=instead, errors=tuple(caught.errors), error_result=caught.result)

    def keeping(self, answer: Any) -> dict[str, Any]:
        """Return the fields that assign its result to `result`."""
        if self.result is None:
            return {"Output": answer}
        return {"Assign": {self.result: answer}, "Output": KEPT}

    def retrying(self) -> dict[str, Any]:
        """Return the field with its retries."""
        return {"Retry": [one.asl() for one in self.retry]} if self.retry else {}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pass(State):
    """Compose data (`Pass`).

    Attributes:
        output: Output of the state. Default: its input.
        variables: Variables to set, by name. Default: none.

    Example:
        >>> answer = Pass("answer", output={"text": Variable("text.text")})
    """

    output: Any = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        State.__post_init__(self)
        for name in self.variables:
            check_variable(self.where, "variables", name)

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        fields: dict[str, Any] = {"Type": "Pass"}
        if self.variables:
            fields["Assign"] = template(self.where, self.variables)
        fields["Output"] = KEPT if self.output is None else template(self.where, self.output)
        return fields


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Wait(State):
    """Wait for some time (`Wait`).

    Attributes:
        seconds: Seconds to wait, 0-31536000, or an expression.

    Example:
        >>> pause = Wait("a moment", seconds=5)
    """

    seconds: int | Expression

    def __post_init__(self) -> None:
        State.__post_init__(self)
        if not isinstance(self.seconds, Expression):
            check_range(self.where, "seconds", self.seconds, 0, _LONGEST_WAIT_SECONDS)

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        return {"Type": "Wait", "Seconds": template(self.where, self.seconds)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Succeed(State):
    """End the workflow, the branch or the iteration with a result (`Succeed`).

    Attributes:
        output: Result. Default: the input of the state.

    Example:
        >>> done = Succeed("done", output={"summary": Variable("summary.summary")})
    """

    ends: ClassVar[bool] = True

    output: Any = None

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        return {
            "Type": "Succeed",
            "Output": KEPT if self.output is None else template(self.where, self.output),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fail(State):
    """End the workflow with an error (`Fail`). In a branch or iteration, the `Parallel` or `Map` fails.

    Attributes:
        error: Name of the error. `Catch`, `Retry` and the status of HTTP responses depend on it.
        cause: Explanation in the execution's history. Callers of an API do not see it. Default: none.

    Example:
        >>> refused = Fail("too long", error="PayloadTooLarge")
    """

    ends: ClassVar[bool] = True

    error: str | Expression
    cause: str | Expression | None = None

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        fields = {"Type": "Fail", "Error": template(self.where, self.error)}
        if self.cause is not None:
            fields["Cause"] = template(self.where, self.cause)
        return fields


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Choice(State):
    """Continue with the step of the first true condition (`Choice`).

    The steps after the Choice follow the chosen step, unless it ends the workflow.

    Attributes:
        rules: Conditions in order, each with its step.
        default: Step if no condition is true, such as `Continue()`. Required, because a workflow without one fails then.

    Example:
        >>> small = Input("text").equals("")
        >>> kind = Choice("any text?", [(small, Fail("empty", error="InvalidRequest"))], default=Continue())
    """

    rules: Sequence[tuple[Condition, Step]] = field(kw_only=False)
    default: Step

    def __post_init__(self) -> None:
        State.__post_init__(self)
        object.__setattr__(self, "rules", tuple(self.rules))
        if not self.rules:
            raise InvalidArgumentError(self.where, "has no rules", "pass [(condition, step), ...]")
        for condition, _ in self.rules:
            if not isinstance(condition, Condition):
                raise InvalidArgumentError(
                    self.where,
                    f"a rule's condition is of type {type(condition).__name__}",
                    "compare an expression, as in Input('kind').equals('scan')",
                )
        if not isinstance(self.default, Step):
            raise InvalidArgumentError(
                self.where,
                "has no default, so the workflow would fail if no condition is true",
                "pass default=Continue() or default=Fail(...)",
            )

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        return {"Type": "Choice", "Output": KEPT}
