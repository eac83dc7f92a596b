"""Scheduling of tests that run side by side: those that share a worker, and those that begin first."""

from __future__ import annotations

import os

from xdist.scheduler import LoadFileScheduling

TOGETHER = (
    "tests/deployed/main/",
    "tests/deployed/workflows/",
    "tests/deployed/renderings/",
    "tests/local_cloud/over_http/",
    "tests/test_",  # main.py and the rights of its roles
)
"""Beginnings of tests that share a deployment or a synthesized stack: in one worker, it is made once."""

FIRST = (
    *TOGETHER,
    "tests/lazy_bindings/test_synth.py",
    "tests/deployed/",
    "tests/deploy_tools/",
    "tests/examples/",
    "tests/lambda_archives/test_real_wheels.py",
    "tests/tools/",
    "tests/local_cloud/test_",
    "tests/support/",
)
"""Where the tests that take longest are, so that none of them is left for the end."""

NICENESS = 5
"""Niceness of the workers that have other tests than those of the first folder, which take longest of all in one worker."""


def rank(node_id: str) -> int:
    """The place of a test among the others; tests of one rank keep the order in which they were collected."""
    return next((place for place, path in enumerate(FIRST) if node_id.startswith(path)), len(FIRST))


def give_way(node_id: str) -> None:
    """Lower the priority of a worker, and of what it starts, before its first test outside of the first folder."""
    worker = "PYTEST_XDIST_WORKER" in os.environ
    if worker and not node_id.startswith(FIRST[0]) and os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


class SharedStackScheduling(LoadFileScheduling):
    """Scheduling that keeps the tests of a file in one worker, and the files that call one deployment.

    `--dist=loadgroup` would do it with marks, but xdist 3.8 writes them where pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.split("::", 1)[0])
