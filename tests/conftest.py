"""Setup of all tests: an environment without the developer's settings, the order of the files, shared fixtures."""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import TYPE_CHECKING

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

import settings as project_settings
from constructs_lib import environment
from deploy_tools.terraform import terraform_settings
from tests.support.scheduling import SharedStackScheduling, give_way, rank

if TYPE_CHECKING:
    from xdist.remote import Producer

pytest_plugins = ["tests.support.deployment", "tests.support.main_stack", "tests.support.time_limits"]

# Hypothesis judges what a test finds, not how busy the machine is. Each run has other examples.
settings.register_profile(
    "project", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")

# The accounts and settings of the developer's shell are not what is tested, and no test goes through a proxy.
for _name in (*environment.VARIABLES, *project_settings.VARIABLES, *terraform_settings(os.environ)):
    os.environ.pop(_name, None)
for _name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
    del os.environ[_name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
# Terraform and the provider end before they need the memory that their garbage collectors free: a fifth of their time.
os.environ.setdefault("GOGC", "400")
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
# Sessions of boto3 share the descriptions of the services, which take most of the time of a new client.
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: the tests of the engine wait for Terraform most of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedStackScheduling:
    config.option.loadscopereorder = False
    return SharedStackScheduling(config, log)


# A worker has hundreds of megabytes of modules and tests that stay until its end. The garbage collector would look
# through them again and again: a third of the time of tests that do not wait.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    give_way(item.nodeid)
