"""The project's own handlers behind a REST API, in the test's process."""

from tests.support.cloud_in_thread import make_api, make_function
from tests.support.real_api import (
    allowed_origin,
    checked,
    cloud,
    functions,
    real,
    role_arn,
    services,
    usage_key,
)

__all__ = [
    "allowed_origin",
    "checked",
    "cloud",
    "functions",
    "make_api",
    "make_function",
    "real",
    "role_arn",
    "services",
    "usage_key",
]
