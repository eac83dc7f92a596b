"""Presigned URLs of a job's objects, for the functions that work on it and have no right on the bucket."""

from __future__ import annotations

from handlers.common.errors import InvalidRequest
from handlers.jobs.models import LinksRequest
from handlers.jobs.payloads import Payloads


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
