"""A local cloud in a process of its own, called with bytes on a socket."""

from tests.support.gateway_process import aws, gateway

__all__ = ["aws", "gateway"]
