"""The access log of a stage: a line for each request, in the format and the log group that the stage names.

Lines reach moto's CloudWatch Logs a moment later and on another thread, so that no request waits for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from local_cloud.gateway.context import response_variables
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.templates import substitute
from local_cloud.log_groups import LogStream
from local_cloud.messages import Response

_log = logging.getLogger(__name__)

_DELAY_SECONDS = 0.1
_STREAM = "local-cloud"

LogLine = tuple[int, str]


class AccessLog:
    """Writes the access logs of all stages."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[LogLine]] = defaultdict(list)
        self._scheduled = False

    def record(self, exchange: Exchange, response: Response) -> None:
        """Log a request if its stage wants that."""
        settings = exchange.stage.settings.access_log_settings
        if not settings or not settings.get("destinationArn") or not settings.get("format"):
            return
        variables = response_variables(exchange, response.status, response.length)
        line = substitute(settings["format"], variables, exchange.stage.variables, missing="-")
        self._waiting[settings["destinationArn"]].append((int(exchange.received_at * 1000), line))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(_DELAY_SECONDS, self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, defaultdict(list)
        self._scheduled = False
        loop = asyncio.get_running_loop()
        for destination, lines in waiting.items():
            loop.run_in_executor(
                None, self._write_safely, destination, sorted(lines, key=lambda line: line[0])
            )

    def _write_safely(self, destination: str, lines: list[LogLine]) -> None:
        try:
            write_to_cloudwatch(destination, lines)
        except Exception:  # noqa: BLE001 - a log that cannot be written must not end the server
            _log.exception("the access log could not be written to %s", destination)


def write_to_cloudwatch(destination_arn: str, lines: list[LogLine]) -> None:
    """Put lines into a log group of moto's; as on AWS, those for a group that does not exist are lost."""
    _, _, service, region, account, resource = destination_arn.split(":", 5)
    if service != "logs":
        _log.warning(
            "access logs to %s are not written: the local cloud knows log groups only", destination_arn
        )
        return
    name = resource.removeprefix("log-group:").removesuffix(":*")
    events = [{"timestamp": at, "message": text} for at, text in lines]
    if not LogStream(account, region, name, _STREAM).put(events):
        _log.warning("access logs are lost: there is no log group %s", name)
