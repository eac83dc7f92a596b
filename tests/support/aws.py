"""boto3 clients for tests: of a fixed region, with made-up credentials, stubbed or talking to a server of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from handlers.common.aws_api import AI_CALL_TRIES, AwsApi, Tries

_LOCK = threading.Lock()
"""A session may create clients in one thread at a time."""


class Answering:
    """In an AwsApi's place: answers each operation as configured, or raises the configured exception."""

    def __init__(self, answers: Mapping[str, dict[str, Any] | Exception]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def call(self, operation: str, parameters: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        self.calls.append((operation, dict(parameters), options))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(service_name: str, **options: Any) -> Any:
    """Return a client of boto3: without options, the one that all tests of the process share.

    Args:
        service_name: Name of the service in boto3.
        options: Options of `boto3.client`. Default: us-east-1, with made-up credentials.
    """
    return _new_client(service_name, **options) if options else _shared_client(service_name)


@cache
def _shared_client(service_name: str) -> Any:
    return _new_client(service_name)


def _new_client(service_name: str, **options: Any) -> Any:
    defaults = {
        "region_name": "us-east-1",
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    with _LOCK:
        return _session().client(service_name, **(defaults | options))


@cache
def _session() -> boto3.Session:
    """One session for all clients: half of the time that a client takes is the session's."""
    return boto3.Session()


@contextmanager
def stubbed(
    service_name: str, choices: tuple[Tries, ...] = AI_CALL_TRIES
) -> Iterator[tuple[AwsApi, Stubber]]:
    """An AwsApi whose client answers as the stub is configured; requests and answers are checked against AWS's shapes."""
    created = client(service_name, config=Config(retries={"total_max_attempts": 1}))
    with Stubber(created) as stub:
        yield AwsApi(service_name, choices=choices, make_client=lambda name, tries: created), stub
        stub.assert_no_pending_responses()
