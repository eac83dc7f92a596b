"""States that do several things at once: different ones, or the same with each item of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.checks import check_mapping, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.workflows.expressions import Expression, check_variable, code_of, delimited, template
from constructs_lib.workflows.part_errors import with_part_errors
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import KEPT, CatchingState, Machines, State


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Parallel(CatchingState):
    """Does several things at once and waits for all (`Parallel`).

    Its answer has the answer of each branch under the branch's name. With `catch_each` a branch that fails does not
    fail the others: the answer is then `{"results": {branch: answer or null}, "failed": [{"branch": …, "error": …}]}`.
    Each error is `{"code", "message"}` and can be shown to callers: it goes by the error's name, never by its cause.

    Attributes:
        branches: The steps of each branch, by its name.
        catch_each: Whether a branch may fail by itself. Default: one failure ends all.

    Example:
        >>> both = Parallel("both", {"left": Pass("left"), "right": Pass("right")}, catch_each=True, result="both")
    """

    branches: Mapping[str, Step] = field(kw_only=False)
    catch_each: bool = False

    def __post_init__(self) -> None:
        CatchingState.__post_init__(self)
        check_mapping(self.where, "branches", self.branches)
        if not self.branches:
            raise InvalidArgumentError(self.where, "has no branches", "pass {name: step, ...}")
        for name in self.branches:
            check_variable(self.where, "branch", name)

    def fields(self, machines: Machines) -> dict[str, Any]:
        """See `State`."""
        branches = {
            name: _caught(f"{self.name}: {name}", step) if self.catch_each else step
            for name, step in self.branches.items()
        }
        return {
            "Type": "Parallel",
            "Branches": [machines.machine(step) for step in branches.values()],
            **self.keeping(self._answer()),
            **self.retrying(),
        }

    def _answer(self) -> dict[str, Any]:
        places = {name: f"$states.result[{index}]" for index, name in enumerate(self.branches)}
        if not self.catch_each:
            return {name: delimited(place) for name, place in places.items()}
        failed = ", ".join(
            f'$exists({place}.error) ? {code_of({"branch": name})[:-1]}, "error": $shown({place}.error)}}'
            for name, place in places.items()
        )
        return {
            "results": {name: delimited(f"{place}.result") for name, place in places.items()},
            "failed": delimited(with_part_errors(f"[{failed}]")),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Map(CatchingState):
    """Does the same with each item of a list (`Map`, inline); its answer is the list of the answers.

    Attributes:
        items: The list: an expression, or plain data.
        each: The steps of one iteration, which read their `Item`.
        max_concurrency: How many iterations run at once, up to 40. Default: 10.
        catch_each: Whether an iteration may fail by itself: each answer is then `{"result": …}`, or
            `{"result": null, "error": {"code", "message"}}` as in a `Parallel`. Default: one failure ends all.

    Example:
        >>> pages = Map("pages", Input("pages"), each=Pass("page", output=Item("text")), max_concurrency=5)
    """

    items: Expression | Sequence[Any] = field(kw_only=False)
    each: Step
    max_concurrency: int = 10
    catch_each: bool = False

    def __post_init__(self) -> None:
        CatchingState.__post_init__(self)
        check_range(self.where, "max_concurrency", self.max_concurrency, 1, 40)

    def fields(self, machines: Machines) -> dict[str, Any]:
        """See `State`."""
        each = _caught(f"{self.name}: each", self.each) if self.catch_each else self.each
        return {
            "Type": "Map",
            "Items": template(self.where, self.items),
            "MaxConcurrency": self.max_concurrency,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **machines.machine(each)},
            **self.keeping(delimited(_SHOWN_ITEMS if self.catch_each else "$states.result")),
            **self.retrying(),
        }


_SHOWN_ITEMS: Final = with_part_errors(
    "[$map($states.result, function($item) "
    '{$exists($item.error) ? {"result": null, "error": $shown($item.error)} : $item})]'
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CaughtBranch(Step):
    """A branch whose failure is its answer, as it is rendered: what `catch_each` makes.

    Attributes:
        tried: The branch, in one state that fails where the branch does. It gives `{"result": …}`.
        failed: The state that gives `{"result": null, "error": name}` instead.
    """

    tried: State
    failed: State

    @staticmethod
    def caught(target: str) -> dict[str, Any]:
        """Return the Catch that leads from the one to the other."""
        return {
            "ErrorEquals": ["States.ALL"],
            "Next": target,
            "Output": {"result": None, "error": delimited("$states.errorOutput.Error")},
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _OneState(State):
    """A branch of one state, which can have the Catch itself."""

    state: CatchingState

    def fields(self, machines: Machines) -> dict[str, Any]:
        made = self.state.fields(machines)
        return {**made, "Output": {"result": made["Output"]}}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _SeveralStates(State):
    """A branch of several states: a Parallel of one branch fails for whatever fails in it, a Choice included."""

    step: Step

    def fields(self, machines: Machines) -> dict[str, Any]:
        return {
            "Type": "Parallel",
            "Branches": [machines.machine(self.step)],
            "Output": {"result": delimited("$states.result[0]")},
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Failed(State):
    def fields(self, machines: Machines) -> dict[str, Any]:  # noqa: ARG002
        return {"Type": "Pass", "Output": KEPT}


def _caught(name: str, step: Step) -> CaughtBranch:
    failed = _Failed(f"{name} failed")
    if not isinstance(step, CatchingState) or step.catch:
        return CaughtBranch(tried=_SeveralStates(name, step=step), failed=failed)
    if step.result is not None:
        raise ConflictError(
            step.where,
            f"keeps its answer as '{step.result}' and ends, so that nothing can read it",
            "leave result out: its answer is then that of the branch",
        )
    return CaughtBranch(tried=_OneState(step.name, state=step), failed=failed)
