"""Errors of branches and iterations as callers see them: `{code, message}` by the error's name, never the cause."""

from __future__ import annotations

from typing import Final

from constructs_lib.workflows.expressions import code_of
from constructs_lib.workflows.http_errors import ERRORS, HttpError

STEP_FAILED: Final = HttpError(status=502, code="step_failed", message="This step failed.")
"""Response for an error that is not in `ERRORS`."""


def with_part_errors(code: str) -> str:
    """Return JSONata code in which `$shown(name)` is the `{code, message}` of an error."""
    table = code_of({name: _shown(error) for name, error in ERRORS.items()})
    choice = f"$one := $lookup($known, $name); $exists($one) ? $one : {code_of(_shown(STEP_FAILED))}"
    return f"($known := {table}; $shown := function($name) {{({choice})}}; {code})"


def _shown(error: HttpError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}
