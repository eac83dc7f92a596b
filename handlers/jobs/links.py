"""Presigned URLs of a job's objects, for the functions that work on it and have no right on the bucket."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.errors import InvalidRequest
from handlers.common.models import RequestModel
from handlers.jobs.payloads import Payloads

_MAX_LINKS = 20

Keys = Annotated[dict[str, str], Field(default_factory=dict, max_length=_MAX_LINKS)]


class LinksRequest(RequestModel):
    """The objects that a function is to work on, each by a name of the state machine's choice."""

    output_key: Annotated[
        str, Field(description="The key of the job's result; all objects of a job are beside it.")
    ]
    read: Keys
    write: Keys


def links_of(request: LinksRequest, payloads: Payloads) -> dict[str, object]:
    """Return the URLs to read and to write, by the same names.

    Raises:
        InvalidRequest: A key is none, or of an object that is not beside the job's result.
    """
    folder = request.output_key.rpartition("/")[0] + "/"
    if not all(key.startswith(folder) for key in (*request.read.values(), *request.write.values())):
        raise InvalidRequest("Links are for objects of the job only.")
    return {
        "read": {name: payloads.link_to_read(key) for name, key in request.read.items()},
        "write": {name: payloads.link_to_write(key) for name, key in request.write.items()},
    }
