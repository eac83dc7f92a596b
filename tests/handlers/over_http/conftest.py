"""The project's own handlers behind a REST API, in the test's process."""

from tests.support.cloud_in_thread import make_api, make_function
from tests.support.real_api import (
    allowed_origin,
    checked,
    cloud,
    functions,
    partner_key,
    real,
    role_arn,
    services,
)

__all__ = [
    "allowed_origin",
    "checked",
    "cloud",
    "functions",
    "make_api",
    "make_function",
    "partner_key",
    "real",
    "role_arn",
    "services",
]
