"""Parallel and Map: states that run several branches, or one branch for each item of a list."""

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
    """Run several branches at once and wait for all (`Parallel`).

    The result has the result of each branch under the branch's name. With `catch_each`, one failed branch
    does not discard the results of the others; the result is then `{"results": {branch: answer or null},
    "failed": [{"branch": …, "error": …}]}`. Each error is `{"code", "message"}` and safe for callers: it
    depends on the error's name, never on its cause.

    Attributes:
        branches: Steps of each branch, by name.
        catch_each: Whether the others continue when a branch fails. Default: False; one failure fails the
            state.

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
    """Run the same steps for each item of a list (`Map`, inline). The result is the list of their results.

    Attributes:
        items: List, as an expression or as plain data.
        each: Steps of an iteration, which read their `Item`.
        max_concurrency: Concurrent iterations, 1-40. Default: 10.
        catch_each: Whether the others continue when an iteration fails. Each result is then `{"result": …}`,
            or `{"result": null, "error": {"code", "message"}}` as in a `Parallel`. Default: False; one
            failure fails the state.

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
    """Branch whose result is its failure; rendered for `catch_each`.

    Attributes:
        tried: Branch in one state, which fails when the branch fails. Its result is `{"result": …}`.
        failed: State with the result `{"result": null, "error": name}` instead.
    """

    tried: State
    failed: State

    @staticmethod
    def caught(target: str) -> dict[str, Any]:
        """Return the Catch from `tried` to `failed`."""
        return {
            "ErrorEquals": ["States.ALL"],
            "Next": target,
            "Output": {"result": None, "error": delimited("$states.errorOutput.Error")},
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _OneState(State):
    """Branch of one state, which has the Catch itself."""

    state: CatchingState

    def fields(self, machines: Machines) -> dict[str, Any]:
        fields = self.state.fields(machines)
        return {**fields, "Output": {"result": fields["Output"]}}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _SeveralStates(State):
    """Branch of several states, in a Parallel that fails when any of them fails, a Choice included."""

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
            f"stores its result in '{step.result}' and ends, so no state can read it",
            "leave result out; the branch then has its result",
        )
    return CaughtBranch(tried=_OneState(step.name, state=step), failed=failed)
