"""A local cloud inside the test process, and one whose state machines call functions that run."""

from tests.support.cloud_in_thread import cloud, make_api, make_function, role_arn
from tests.support.states_cloud import states
from tests.support.web_server import web_server

__all__ = ["cloud", "make_api", "make_function", "role_arn", "states", "web_server"]
