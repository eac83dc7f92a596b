"""Mock integration: API Gateway answers by itself."""

from __future__ import annotations

from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.routes.definitions import IntegrationDefinition


class MockIntegration:
    """Answer without calling a target (`MOCK`). `Cors` answers preflights with it.

    Args:
        definition: The answer, as data.
    """

    def __init__(self, definition: IntegrationDefinition) -> None:
        self._definition = definition

    @property
    def max_body_bytes(self) -> int | None:
        """See `Integration`."""
        return None

    def definition(self, where: str, scope: Construct, caller: Caller) -> IntegrationDefinition:  # noqa: ARG002
        """Return it as data; see `Integration`."""
        return self._definition

    def bind(self, scope: Construct, caller: Caller) -> Backend:  # noqa: ARG002
        """Make nothing; see `Integration`."""
        return Backend(uri=None)
