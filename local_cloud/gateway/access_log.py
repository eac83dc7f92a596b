"""The access log of a stage: a line for each request, in the format and the log group that the stage names."""

from __future__ import annotations

import logging

from local_cloud.gateway.context import response_variables
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.templates import substitute
from local_cloud.log_groups import LogDelivery, LogStream
from local_cloud.messages import Response

_log = logging.getLogger(__name__)


class AccessLog:
    """Access logs of all stages; as on AWS, lines for a log group that does not exist are lost."""

    def __init__(self) -> None:
        self._delivery = LogDelivery()

    def record(self, exchange: Exchange, response: Response) -> None:
        """Log a request if its stage wants that."""
        settings = exchange.stage.settings.access_log_settings
        if not settings or not settings.get("destinationArn") or not settings.get("format"):
            return
        _, _, service, region, account, resource = settings["destinationArn"].split(":", 5)
        if service != "logs":
            _log.warning("access logs to %s are not written: the local cloud has log groups only", service)
            return
        variables = response_variables(exchange, response.status, response.length)
        line = substitute(settings["format"], variables, exchange.stage.variables, missing="-")
        group = resource.removeprefix("log-group:").removesuffix(":*")
        event = {"timestamp": int(exchange.received_at * 1000), "message": line}
        self._delivery.put(LogStream(account, region, group, "local-cloud"), event)
