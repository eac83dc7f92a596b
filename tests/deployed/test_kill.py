"""`kill -9` at random moments of a deploy, of a job and of the local cloud: the next `make serve` makes all well.

`make test-kill` kills at 20 moments. KILL_SEED chooses others; the seed of a failure is in its message.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from deploy_tools.terraform import TerraformError, find_engine
from tests.support.kills import Moment, Project, moments, project

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

SEED = int(os.environ.get("KILL_SEED", "9"))
CHOSEN = [
    Moment("everything", "terraform apply", 300, fresh=True),
    # What an interrupt does is in the tests of deploy_tools/interrupts.py too, without Terraform.
    pytest.param(Moment("Ctrl-C", "terraform apply", 500, fresh=True), marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("kill")) as copy:
        yield copy


def check_healed(deployed: Project, moment: Moment) -> None:
    """Deploy, kill, and find that the next deploy makes all well, or that nothing was killed."""
    print(f"seed {SEED}: {moment}")
    if moment.fresh:
        deployed.reset()
    else:
        deployed.tables = 3 + (deployed.tables - 2) % 3
    status = deployed.kill_at(moment)
    assert "Traceback" not in deployed.printed, (moment, deployed.printed)
    if moment.victim == "Ctrl-C":
        assert (status, "nterrupted" in deployed.printed) in ((130, True), (0, False), (0, True)), (
            deployed.printed
        )
    assert deployed.serve() == 0, (moment, deployed.printed)
    assert deployed.is_served(), moment


@pytest.mark.parametrize("moment", CHOSEN, ids=str)
def test_a_deploy_after_one_that_was_cut_short(deployed: Project, moment: Moment) -> None:
    check_healed(deployed, moment)


@pytest.mark.long
@pytest.mark.parametrize("moment", moments(SEED, 20), ids=str)
def test_a_deploy_after_one_that_was_killed_at_a_random_moment(deployed: Project, moment: Moment) -> None:
    check_healed(deployed, moment)
    assert deployed.serve() == 0, (moment, deployed.printed)
    assert "0 to add, 0 to change, 0 to destroy" in deployed.printed, (moment, deployed.printed)


@pytest.fixture(scope="module")
def with_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("kill-jobs"), with_jobs=True) as copy:
        yield copy


PAGES = {"input": {"pages": [{}, {}, {}, {}]}}


@pytest.mark.long
def test_a_job_whose_workers_are_killed_ends(with_jobs: Project) -> None:
    chosen = random.Random(SEED)  # noqa: S311 - not for secrets
    for number in range(4):
        status, job = with_jobs.call(
            "POST", "/workflows/pages/jobs", PAGES, {"Idempotency-Key": f"workers-{SEED}-{number}"}
        )
        assert status == 202, job
        seconds = chosen.uniform(0, 2)
        print(f"seed {SEED}: kill the workers of a job after {seconds:.2f} s")
        time.sleep(seconds)
        kill_workers(with_jobs)
        ended = wait_for_end(with_jobs, job["id"])
        assert ended["status"] == "succeeded", ended


@pytest.mark.long
def test_a_job_whose_local_cloud_is_killed_is_gone_and_can_be_started_again(with_jobs: Project) -> None:
    chosen = random.Random(SEED)  # noqa: S311 - not for secrets
    for number in range(2):
        headers = {"Idempotency-Key": f"cloud-{SEED}-{number}"}
        status, job = with_jobs.call("POST", "/workflows/pages/jobs", PAGES, headers)
        assert status == 202, job
        time.sleep(chosen.uniform(0, 2))
        for process in with_jobs.cloud_process():
            process.kill()
            process.wait()
        assert with_jobs.serve() == 0, with_jobs.printed
        assert "old state set aside" in with_jobs.printed
        assert with_jobs.call("GET", f"/jobs/{job['id']}")[0] == 404
        status, job = with_jobs.call("POST", "/workflows/pages/jobs", PAGES, headers)
        assert status == 202, job
        assert wait_for_end(with_jobs, job["id"])["status"] == "succeeded"


def kill_workers(deployed: Project) -> None:
    """Kill the functions' processes, and not the local cloud."""
    for cloud in deployed.cloud_process():
        for process in cloud.children(recursive=True):
            with suppress(psutil.Error):
                process.kill()


def wait_for_end(deployed: Project, job: str) -> dict[str, Any]:
    """Return a job that has ended; the job's own time limit bounds the wait."""
    while True:
        status, found = deployed.call("GET", f"/jobs/{job}")
        assert status == 200, found
        if found["status"] != "running":
            return dict(found)
        time.sleep(0.2)
