"""Routes of models: which targets answer for a name that requests use, in which order.

MODEL_ROUTES has them as JSON; `constructs_lib/patterns/model_route.py` writes it:

    [{"name": "fast", "aliases": ["gpt-4o-mini"], "failures": 3, "cooldown_seconds": 30, "timeout_seconds": 12,
      "guardrail": {"backend": "offline", "personal_data": {"PHONE": "MASK"}, "words": [],
                    "step": 100, "overlap": 100},
      "targets": [{"backend": "bedrock", "model": "amazon.nova-lite-v1:0"},
                  {"backend": "openai", "model": "qwen3", "base_url": "https://models.example/v1", "secret": "models-key"},
                  {"backend": "offline", "model": "smollm2-135m-instruct"}]}]
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.common.caller import Caller
from handlers.common.errors import NotFound
from handlers.common.guardrails import Guardrail


class ModelNotFound(NotFound):
    """No route has the name of a request's model."""

    code = "model_not_found"

    @classmethod
    def among(cls, names: Iterable[str]) -> ModelNotFound:
        """Return the error that names the models there are; not the requested name, which is part of the input."""
        available = ", ".join(names)
        return cls(
            f"Unknown model. Available: {available}." if available else "Unknown model.", param="model"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A model of a backend.

    Attributes:
        backend: `offline`, `openai` or `bedrock`.
        model: The backend's name of the model.
        base_url: For `openai`, the address up to `/v1`.
        secret: For `openai`, the name of the secret with the API key; None if the address needs none.
    """

    backend: str
    model: str
    base_url: str | None = None
    secret: str | None = None

    @property
    def name(self) -> str:
        """Name for answers and logs, such as `bedrock:amazon.nova-lite-v1:0`."""
        return f"{self.backend}:{self.model}"


@dataclass(frozen=True, slots=True)
class Route:
    """Targets that answer for a name.

    Attributes:
        name: The name that requests use.
        targets: The targets, in the order in which they are tried.
        aliases: More names.
        failures: Failures in a row after which a target is not tried for a while.
        cooldown_seconds: How long it is not tried.
        timeout_seconds: How long a target may take while another one is left.
        guardrail: What judges requests and answers. Default: none.
    """

    name: str
    targets: tuple[Target, ...]
    aliases: tuple[str, ...]
    failures: int
    cooldown_seconds: int
    timeout_seconds: float
    guardrail: Guardrail | None = None

    def circuit(self, target: Target) -> str:
        """Return the key of the item that counts a target's failures."""
        return f"{self.name}/{self.targets.index(target)}"


class Routes:
    """Routes by their names and aliases.

    Args:
        routes: The routes.
    """

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = routes
        self._by_name = {name: route for route in routes for name in (route.name, *route.aliases)}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    @classmethod
    def from_environment(cls) -> Routes:
        """Return the routes of MODEL_ROUTES.

        Raises:
            KeyError: MODEL_ROUTES is not set, or a field is missing.
            ValueError: MODEL_ROUTES is not JSON, or the backend of a guardrail is unknown.
        """
        return cls(tuple(_route(one) for one in json.loads(os.environ["MODEL_ROUTES"])))

    @property
    def names(self) -> tuple[str, ...]:
        """All names and aliases."""
        return tuple(self._by_name)

    def route(self, name: str) -> Route:
        """Return the route of a name.

        Raises:
            ModelNotFound: No route has the name.
        """
        if name not in self._by_name:
            raise ModelNotFound.among(self._by_name)
        return self._by_name[name]

    def usable_by(self, caller: Caller | None) -> Routes:
        """Return the routes whose name, or one of whose aliases, a caller may use; without a caller, all."""
        if caller is None:
            return self
        return Routes(
            tuple(
                route
                for route in self._routes
                if any(map(caller.may_use_model, (route.name, *route.aliases)))
            )
        )


def _route(fields: Mapping[str, Any]) -> Route:
    return Route(
        name=fields["name"],
        targets=tuple(Target(**target) for target in fields["targets"]),
        aliases=tuple(fields["aliases"]),
        failures=fields["failures"],
        cooldown_seconds=fields["cooldown_seconds"],
        timeout_seconds=fields["timeout_seconds"],
        guardrail=Guardrail.from_json(rules) if (rules := fields.get("guardrail")) else None,
    )
