"""What a workflow is put together from, besides its tasks.

A step is one state or several. `one >> other` goes from one to the next; a `Choice`, a `Parallel` and a `Map` have
steps of their own. All of it is plain data, which `rendering.py` turns into Amazon States Language.

Data goes by name: a state's `result` names the variable that keeps its answer, for `Variable` in any later state.
Without `result`, the answer takes the place of the data that the states hand on, as the answer of the last state
must: that is what the workflow, the branch or the iteration gives back.
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
"""The output of a state that hands on what it was given."""

_LONGEST_WAIT_SECONDS: Final = 31_536_000


class Machines(Protocol):
    """Renders the steps inside a state."""

    def machine(self, step: Step) -> dict[str, Any]:
        """Return a state machine of its own: the steps, and where they start."""


@dataclass(frozen=True, slots=True, eq=False)
class GoTo(Step):
    """Going on at a state that is somewhere else in the same workflow, branch or iteration, for loops.

    Attributes:
        name: The state's name.

    Example:
        >>> again = Wait("a moment", seconds=5) >> GoTo("look")
    """

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Continue(Step):
    """Nothing: what follows the `Choice` comes next.

    Example:
        >>> kind = Choice("kind", [(Input("scan").equals(True), Pass("scan"))], default=Continue())
    """


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fallback(Step):
    """A step, and what is done instead where it fails: what `or_else` makes.

    Attributes:
        first: The state that may fail.
        instead: What is done then.
        errors: The names of the errors that count.
        error_result: The variable that gets the error, or None.
    """

    first: CatchingState
    instead: Step
    errors: tuple[str, ...]
    error_result: str | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Guarded(Step):
    """A state, what is done only where it succeeds, and further Catches: all go on with what follows.

    Attributes:
        first: The state that may fail.
        then: What is done where it succeeds.
        catch: What is done where it fails, after its own Catches.
    """

    first: CatchingState
    then: Step
    catch: tuple[Catch, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State(Step):
    """One state.

    Attributes:
        name: Its name, unique in the workflow, up to 80 characters.
    """

    ends: ClassVar[bool] = False
    """Whether nothing comes after it."""

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
        """How error messages call it."""
        return f"{type(self).__name__} '{self.name}'"

    def fields(self, machines: Machines) -> dict[str, Any]:
        """Return what it says of itself in Amazon States Language, without where it goes on."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CatchingState(State):
    """A state that can fail, be tried again and be recovered from.

    Attributes:
        result: The variable that keeps its answer. Default: the answer is handed on to the next state.
        retry: When it is tried again; the first that names the error counts.
        catch: Where it goes on where it fails for good; the first that names the error counts.
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
                    self.where, f"{argument} is no list", f"pass [{kind.__name__}(...)]"
                )
            object.__setattr__(self, argument, tuple(values))

    def or_else(
        self, instead: Step, *, errors: Sequence[str] = ("States.ALL",), result: str | None = None
    ) -> Fallback:
        """Return this state with another step that is done where it fails: a second model, a fixed answer.

        Both are to keep their answers under the same `result`, so that what follows finds one.

        Args:
            instead: What is done instead.
            errors: The names of the errors that count. Default: all.
            result: The variable that gets the error, as `{"Error": name, "Cause": text}`. Default: it is not
                kept.
        """
        caught = Catch(to=instead, errors=errors, result=result)
        return Fallback(first=self, instead=instead, errors=tuple(caught.errors), error_result=caught.result)

    def keeping(self, answer: Any) -> dict[str, Any]:
        """Return the fields that put its answer where `result` says."""
        if self.result is None:
            return {"Output": answer}
        return {"Assign": {self.result: answer}, "Output": KEPT}

    def retrying(self) -> dict[str, Any]:
        """Return the field for its retries."""
        return {"Retry": [one.asl() for one in self.retry]} if self.retry else {}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pass(State):
    """Puts data together, and does nothing else (`Pass`).

    Attributes:
        output: What it hands on. Default: what it was given.
        variables: What is kept under names, for later states. Default: none.

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
        made: dict[str, Any] = {"Type": "Pass"}
        if self.variables:
            made["Assign"] = template(self.where, self.variables)
        made["Output"] = KEPT if self.output is None else template(self.where, self.output)
        return made


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Wait(State):
    """Waits (`Wait`).

    Attributes:
        seconds: How long, 0 to 31536000 (a year), or an expression for it.

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
    """Ends the workflow, the branch or the iteration with an answer (`Succeed`).

    Attributes:
        output: The answer. Default: what it was given.

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
    """Ends the workflow with an error (`Fail`); in a branch or iteration, it fails the `Parallel` or `Map`.

    Attributes:
        error: The error's name, by which `Catch`, `Retry` and the status of an HTTP response go.
        cause: What the execution's history says of it; callers of an API do not see it. Default: none.

    Example:
        >>> refused = Fail("too long", error="PayloadTooLarge")
    """

    ends: ClassVar[bool] = True

    error: str | Expression
    cause: str | Expression | None = None

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        made = {"Type": "Fail", "Error": template(self.where, self.error)}
        if self.cause is not None:
            made["Cause"] = template(self.where, self.cause)
        return made


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Choice(State):
    """Goes on by the first condition that holds (`Choice`).

    The chosen step goes on with what follows the Choice, unless it ends the workflow.

    Attributes:
        rules: The conditions in their order, each with the step that it leads to.
        default: The step where none holds; `Continue()` for none. There is always a default: without one, the workflow
            would fail.

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
                "has no default, so that the workflow fails where no rule holds",
                "pass default=Continue() to go on, or default=Fail(...)",
            )

    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        """See `State`."""
        return {"Type": "Choice", "Output": KEPT}
