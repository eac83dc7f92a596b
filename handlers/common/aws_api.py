"""Calls to AWS's AI services, within the time the invocation has left, with their failures as our errors.

botocore retries by itself (its `standard` mode: throttling, 5xx, timeouts, broken connections, with jitter), but knows
nothing of a Lambda's deadline. So the number of attempts and the timeouts are chosen from the time that is left, such
that even the slowest course of attempts ends before it.

boto3 takes half a second to import, so it is imported at the first call, or by `prepare`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendTimeout, BackendUnavailable, ServiceError

_BUSY_CODES = frozenset(
    {
        "InternalServerError",
        "InternalServerException",
        "InternalFailure",
        "LimitExceededException",
        "ModelNotReadyException",
        "ModelStreamErrorException",
        "ModelTimeoutException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501


@dataclass(frozen=True, slots=True)
class Tries:
    """Attempts and timeouts of a call.

    Attributes:
        attempts: The calls made at most.
        connect_timeout_seconds: The longest wait for a connection, per attempt.
        read_timeout_seconds: The longest wait for bytes of the answer, per attempt.
    """

    attempts: int
    connect_timeout_seconds: float
    read_timeout_seconds: float

    @property
    def slowest_seconds(self) -> float:
        """The time after which the last attempt has failed: botocore waits up to 1, 2, 4 … seconds in between."""
        pauses = sum(2.0**number for number in range(self.attempts - 1))
        return self.attempts * (self.connect_timeout_seconds + self.read_timeout_seconds) + pauses


AI_CALL_TRIES = (Tries(3, 1, 4.5), Tries(2, 1, 3), Tries(1, 0.5, 3), Tries(1, 0.5, 1))
"""For AI services, which answer within a second or two: the first that fits into the time that is left is used."""

Refusals = Mapping[str, Callable[[], ServiceError]]
MakeClient = Callable[[str, Tries], Any]


def boto3_client(service_name: str, tries: Tries) -> Any:
    """A boto3 client that makes its calls as `tries` says, with the environment's credentials, region and endpoint."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service_name,
        config=Config(
            connect_timeout=tries.connect_timeout_seconds,
            read_timeout=tries.read_timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": tries.attempts},
        ),
    )


class AwsApi:
    """One AWS service.

    Args:
        service_name: boto3's name of it, such as `comprehend`.
        choices: How a call may be made, the most patient first.
        make_client: Makes the boto3 client.
    """

    def __init__(
        self,
        service_name: str,
        *,
        choices: tuple[Tries, ...] = AI_CALL_TRIES,
        make_client: MakeClient = boto3_client,
    ) -> None:
        self._service_name = service_name
        self._choices = choices
        self._make_client = make_client
        self._clients: dict[Tries, Any] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Import boto3 and create a client: half a second that is better spent before the first event than in it."""
        self._client(self._choices[0])

    def call(
        self,
        operation: str,
        parameters: Mapping[str, object],
        *,
        deadline: Deadline,
        refusals: Refusals | None = None,
    ) -> dict[str, Any]:
        """Make a call. Safe in several threads at once.

        Args:
            operation: The method of the boto3 client, such as `detect_sentiment`.
            parameters: Its arguments.
            deadline: When it must have ended.
            refusals: AWS's error codes that are about the input, each with what makes our error for it.

        Returns:
            AWS's answer; where it has a stream, the stream's bytes.

        Raises:
            BackendTimeout: There is no time left, or AWS did not answer in time.
            BackendUnavailable: AWS throttles us, fails with a 5xx, or cannot be reached, after all attempts.
            BackendError: AWS refuses us, does not implement the operation (501), or what it answers cannot be read.
            ServiceError: One of `refusals`.
        """
        detail = f"{self._service_name}.{operation}"
        client = self._client_for(detail, deadline)
        try:
            answer = getattr(client, operation)(**parameters)
            return {key: _bytes_of_stream(value) for key, value in answer.items()}
        except Exception as error:
            raise _as_ours(error, detail, refusals or {}) from error

    def events(
        self,
        operation: str,
        parameters: Mapping[str, object],
        *,
        stream: str,
        deadline: Deadline,
        refusals: Refusals | None = None,
    ) -> Generator[dict[str, Any], None, None]:
        """Make a call and yield the events that AWS answers with. Closing the generator closes the connection.

        Args:
            operation: The method of the boto3 client, such as `converse_stream`.
            parameters: Its arguments.
            stream: The field of the answer that has the events, such as `stream`.
            deadline: When the first event must have come. Later ones may each take as long.
            refusals: See `call`.

        Raises:
            ServiceError: As `call`; at any event.
        """
        detail = f"{self._service_name}.{operation}"
        client = self._client_for(detail, deadline)
        try:
            events = getattr(client, operation)(**parameters)[stream]
            with closing(events):
                yield from events
        except Exception as error:
            raise _as_ours(error, detail, refusals or {}) from error

    def _client_for(self, detail: str, deadline: Deadline) -> Any:
        tries = next(
            (choice for choice in self._choices if choice.slowest_seconds <= deadline.seconds_left()), None
        )
        if tries is None:
            raise BackendTimeout(detail=f"{detail}: no time left")
        return self._client(tries)

    def _client(self, tries: Tries) -> Any:
        with self._lock:
            if tries not in self._clients:
                self._clients[tries] = self._make_client(self._service_name, tries)
            return self._clients[tries]


@contextmanager
def reading_answer(detail: str) -> Iterator[None]:
    """Around the code that takes a backend's answer apart: an answer of an unforeseen shape becomes a BackendError.

    Args:
        detail: Which call answered, for the log.

    Raises:
        BackendError: A field is missing, or of another type or range than it should be.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise BackendError(
            "The AI backend's answer cannot be used.", detail=f"{detail}: unforeseen answer"
        ) from error


def _bytes_of_stream(value: object) -> object:
    read = getattr(value, "read", None)
    return read() if callable(read) else value


def _as_ours(error: Exception, detail: str, refusals: Refusals) -> ServiceError:
    from botocore import exceptions
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    if isinstance(error, exceptions.ClientError):
        return _of_client_error(error.response, detail, refusals)
    kind = f"{detail}: {type(error).__name__}"
    # botocore does not wrap what urllib3 raises in the middle of a stream.
    if isinstance(error, (ReadTimeoutError, exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)):
        return BackendTimeout(detail=kind)
    if isinstance(
        error,
        (HTTPError, exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError),
    ):
        return BackendUnavailable("The AI backend cannot be reached. Try again later.", detail=kind)
    return BackendError(detail=kind)


def _of_client_error(response: Mapping[str, Any], detail: str, refusals: Refusals) -> ServiceError:
    code = str(response.get("Error", {}).get("Code", ""))
    code = code[:1].upper() + code[1:]  # in a stream it is the name of an event, such as throttlingException
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in refusals:
        return refusals[code]()
    operation, detail = detail, f"{detail}: {code} {status}"
    if status == _NOT_IMPLEMENTED:  # the local cloud; to try again does not help
        if code == "InternalFailure":
            return BackendError(detail=detail)
        return BackendError(f"{operation} is not implemented in this environment.", detail=detail)
    if code in _BUSY_CODES or status == _TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR:
        return BackendUnavailable(detail=detail)
    return BackendError("The AI backend refused the call.", detail=detail)
