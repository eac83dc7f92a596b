"""Mermaid flowchart of a workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from constructs_lib.workflows.structure import machines_in


def mermaid(asl: Mapping[str, Any]) -> str:
    """Return the flowchart of a definition. Dotted lines are caught errors.

    Args:
        asl: Definition with a valid structure.
    """
    drawing = _Drawing()
    drawing.number(asl)
    lines = ["flowchart TD", "    start((start))", "    finish((end))", *drawing.machine(asl, "    ")]
    lines += [f"    start --> {drawing.ids[asl['StartAt']]}"]
    lines += [f"    {drawing.ids[name]} --> finish" for name in _ends(asl)]
    return "\n".join(lines) + "\n"


class _Drawing:
    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def number(self, machine: Mapping[str, Any]) -> None:
        for name, state in machine["States"].items():
            self.ids[name] = f"s{len(self.ids) + 1}"
            for inner in machines_in(state):
                self.number(inner)

    def machine(self, machine: Mapping[str, Any], indent: str) -> Iterator[str]:
        for name, state in machine["States"].items():
            yield from self._state(name, state, indent)
        for name, state in machine["States"].items():
            yield from self._lines(name, state, indent)

    def _state(self, name: str, state: Mapping[str, Any], indent: str) -> Iterator[str]:
        mine, label = self.ids[name], _label(name, state)
        inner = machines_in(state)
        if inner:
            yield f'{indent}subgraph {mine}["{label}"]'
            for index, machine in enumerate(inner):
                yield f'{indent}    subgraph {mine}_{index + 1}[" "]'
                yield from self.machine(machine, f"{indent}        ")
                yield f"{indent}    end"
            yield f"{indent}end"
        elif state["Type"] == "Choice":
            yield f'{indent}{mine}{{"{label}"}}'
        elif state["Type"] in ("Fail", "Succeed"):
            yield f'{indent}{mine}(["{label}"])'
        else:
            yield f'{indent}{mine}["{label}"]'

    def _lines(self, name: str, state: Mapping[str, Any], indent: str) -> Iterator[str]:
        mine = self.ids[name]
        for rule in state.get("Choices", ()):
            condition = _text(str(rule.get("Condition", "rule")).strip("{}% "), 60)
            yield f'{indent}{mine} -->|"{condition}"| {self.ids[rule["Next"]]}'
        if "Default" in state:
            yield f'{indent}{mine} -->|"otherwise"| {self.ids[state["Default"]]}'
        if "Next" in state:
            yield f"{indent}{mine} --> {self.ids[state['Next']]}"
        for caught in state.get("Catch", ()):
            errors = _text(", ".join(caught["ErrorEquals"]), 60)
            yield f'{indent}{mine} -.->|"{errors}"| {self.ids[caught["Next"]]}'


def _ends(asl: Mapping[str, Any]) -> Iterator[str]:
    return (
        name
        for name, state in asl["States"].items()
        if state.get("End") or state["Type"] in ("Fail", "Succeed")
    )


def _label(name: str, state: Mapping[str, Any]) -> str:
    arguments = state.get("Arguments", state.get("Parameters", {}))
    payload = arguments.get("Payload") if isinstance(arguments, Mapping) else None
    operation = payload.get("operation") if isinstance(payload, Mapping) else None
    match state["Type"]:
        case "Task":
            says = operation or str(state["Resource"]).rpartition(":states:::")[2]
        case "Fail":
            says = state.get("Error", "Fail")
        case "Wait":
            says = f"Wait {state['Seconds']} s" if isinstance(state.get("Seconds"), int) else "Wait"
        case other:
            says = other
    return f"{_text(name)}<br/><i>{_text(str(says), 60)}</i>"


def _text(text: str, longest: int = 80) -> str:
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return re.sub(r'["<>&#|{}\[\]`]', lambda found: f"#{ord(found[0])};", short)
