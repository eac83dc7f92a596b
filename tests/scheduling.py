"""Which tests run in one worker, and which begin first, when tests run side by side."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

TOGETHER = {
    "the stack of main.py": (
        "tests/e2e/models/",
        "tests/e2e/test_generated_clients.py",
        "tests/e2e/test_main_workflows.py",
        "tests/e2e/test_refusals.py",
        "tests/e2e/test_schemathesis_stack.py",
        "tests/e2e/test_services.py",
        "tests/engine/test_engine.py",
        "tests/engine/test_readme.py",
        "tests/faults/test_canaries_deployed.py",
    ),
    "the stack of workflows": ("tests/engine/test_workflows.py", "tests/engine/test_workflows_as_jobs.py"),
}
"""Files that call one deployment, by what is deployed: in one worker, it is deployed once."""

FIRST = (
    *(path for paths in TOGETHER.values() for path in paths),
    "tests/constructs/test_lazy_bindings_synth.py",
    "tests/engine/",
    "tests/e2e/",
    "tests/faults/",
    "tests/constructs/",
)
"""Where the tests that take longest are, so that none of them is left for the end."""


def rank(node_id: str) -> int:
    """The place of a test among the others; tests of one rank keep the order in which they were collected."""
    return next((place for place, path in enumerate(FIRST) if node_id.startswith(path)), len(FIRST))


class SharedStackScheduling(LoadFileScheduling):
    """Keeps the tests of a file in one worker, and the files that call one deployment.

    `--dist=loadgroup` would do it with marks, but xdist 3.8 writes them where pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return next((name for name, paths in TOGETHER.items() if path.startswith(paths)), path)
