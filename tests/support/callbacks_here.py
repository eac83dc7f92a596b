"""The function that ends jobs, whose callbacks stay on this machine; it is put into its archive beside the handlers.

Names are resolved to a public address, but `inside.example` to this machine; what would be sent to port 443 there is sent to
the receiver of the tests, which gets the name that was called.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping

from handlers.common.once import Once
from handlers.jobs.callback import Callbacks
from handlers.jobs.execution_end import Executions, operation_of
from handlers.jobs.finish import Endings, create_service
from handlers.jobs.payloads import Payloads
from handlers.jobs.questions import Questions
from handlers.jobs.records import JobRecords

CALLED = "X-Called"


def resolve(host: str) -> list[str]:
    return ["127.0.0.1"] if host == "inside.example" else ["93.184.216.34"]


def post(host: str, _: str, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    connection = http.client.HTTPConnection(os.environ["CALLBACK_RECEIVER"], timeout=seconds)
    try:
        connection.request("POST", path, body, {**headers, CALLED: host})
        return connection.getresponse().status
    finally:
        connection.close()


payloads = Once(Payloads.from_environment)
service = create_service(
    Endings(
        records=Once(JobRecords.from_environment),
        payloads=payloads,
        callbacks=Once(lambda: Callbacks(os.environ["CALLBACK_KEY_ID"], post=post, resolve=resolve)),
        executions=Once(Executions),
    ),
    questions=Questions.from_environment(),
    payloads=payloads,
)


def handler(event: object, context: object) -> dict[str, object]:
    return service.handler(operation_of(event), context)
