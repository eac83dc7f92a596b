"""Routes of language models: the names that requests use, and the models that answer for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from constructs_lib.checks import check_pattern, check_range, check_type
from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError
from constructs_lib.patterns.guardrail import Guardrail

_NAME: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
_NAME_REMEDY: Final = "use 1 to 64 lower-case letters, digits and '._-'"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class OfflineModel:
    """SmolLM2-135M-Instruct in the function itself: small, for a laptop and for tests.

    It summarizes short English texts and fills JSON schemas; it knows few facts and reads no images.

    Example:
        >>> OfflineModel().as_dict()
        {'backend': 'offline', 'model': 'smollm2-135m-instruct'}
    """

    def as_dict(self) -> dict[str, str]:
        """Return the target as the function reads it."""
        return {"backend": "offline", "model": "smollm2-135m-instruct"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAiModel:
    """Model behind OpenAI's protocol: OpenAI's own, Ollama, vLLM, llama.cpp's server.

    Attributes:
        model: Name of the model at that address.
        base_url: Address up to `/v1`: https, or http on this machine for the local cloud.
        secret: Name of the secret in Secrets Manager whose text is the API key. It must exist, and AWS's own key must
            encrypt it. Default: none, for addresses that need no key.

    Raises:
        ConstructError: An attribute is not valid.

    Example:
        >>> OpenAiModel(model="qwen3", base_url="http://127.0.0.1:11434/v1").as_dict()
        {'backend': 'openai', 'model': 'qwen3', 'base_url': 'http://127.0.0.1:11434/v1'}
    """

    model: str
    base_url: str
    secret: str | None = None

    def __post_init__(self) -> None:
        check_pattern(
            "OpenAiModel", "model", self.model, r"[\x21-\x7e]{1,128}", "use the address's name of it"
        )
        try:
            parts = urlsplit(self.base_url)
        except ValueError:
            parts = urlsplit("")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UnsafeSettingError(
                "OpenAiModel",
                "base_url has more than a host, a port and a path",
                "pass the API key as secret=…, the name of a secret",
            )
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise UnsafeSettingError(
                "OpenAiModel",
                f"base_url '{self.base_url}' is not https",
                "use https, or http on 127.0.0.1",
            )
        if self.secret is not None:
            check_pattern(
                "OpenAiModel",
                "secret",
                self.secret,
                r"[A-Za-z0-9/_+=.@-]{1,512}",
                "use the name of the secret, not its ARN",
            )

    def as_dict(self) -> dict[str, str]:
        """Return the target as the function reads it."""
        secret = {} if self.secret is None else {"secret": self.secret}
        return {"backend": "openai", "model": self.model, "base_url": self.base_url, **secret}


@dataclass(frozen=True, slots=True)
class BedrockModel:
    """Model on Bedrock that supports Converse.

    Attributes:
        model: Id of a foundation model that Bedrock has in the stack's region, such as `amazon.nova-lite-v1:0`, or of a
            cross-region inference profile, such as `eu.amazon.nova-lite-v1:0`.

    Raises:
        ConstructError: It is not the id of a model, so that the function's role could not invoke it.

    Example:
        >>> BedrockModel("amazon.nova-lite-v1:0").as_dict()
        {'backend': 'bedrock', 'model': 'amazon.nova-lite-v1:0'}
    """

    model: str

    def __post_init__(self) -> None:
        check_pattern(
            "BedrockModel",
            "model",
            self.model,
            r"[a-z0-9-]+(\.[a-z0-9-]+)+[a-z0-9.:-]*",
            "use a model id such as 'amazon.nova-lite-v1:0'",
        )

    def as_dict(self) -> dict[str, str]:
        """Return the target as the function reads it."""
        return {"backend": "bedrock", "model": self.model}


ModelTarget = OfflineModel | OpenAiModel | BedrockModel


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """Models that answer for a name, in the order in which they are tried.

    If a target is throttled, too slow or fails, the next one is tried. Requests that a target rejects as wrong are not.

    Attributes:
        name: The name that requests use as `model`.
        targets: The models, 1-8. The first that works and supports the request answers.
        aliases: More names, such as `gpt-4o-mini`, for clients with fixed names. Default: none.
        failures: Failures in a row after which a target is not tried for `cooldown_seconds`, 1-100. Default: 3.
        cooldown_seconds: How long, in seconds, 1-86400. All instances of the function share it. Default: 30.
        timeout_seconds: How long a target may take while another one is left, in seconds, 1-25. Default: 12.
        guardrail: What is masked and blocked in requests and answers. Images are rejected then. Default: none.

    Raises:
        ConstructError: An attribute is not valid.

    Example:
        >>> route = ModelRoute("fast", [BedrockModel("amazon.nova-lite-v1:0"), OfflineModel()])
        >>> [target["backend"] for target in route.as_dict()["targets"]]
        ['bedrock', 'offline']
    """

    name: str
    targets: Sequence[ModelTarget]
    aliases: Sequence[str] = ()
    failures: int = 3
    cooldown_seconds: int = 30
    timeout_seconds: int = 12
    guardrail: Guardrail | None = None

    def __post_init__(self) -> None:
        where = f"ModelRoute {self.name!r}"
        for argument, name in (("name", self.name), *(("aliases", alias) for alias in self.aliases)):
            check_pattern(where, argument, name, _NAME, _NAME_REMEDY)
        if not 1 <= len(self.targets) <= 8 or not all(isinstance(one, ModelTarget) for one in self.targets):
            raise InvalidArgumentError(
                where,
                "targets is not a list of 1 to 8 models",
                "pass OfflineModel(), OpenAiModel(…) or BedrockModel(…)",
            )
        if len(set(self.targets)) < len(self.targets):
            raise InvalidArgumentError(where, "targets has a model twice", "remove one of the two")
        check_range(where, "failures", self.failures, 1, 100)
        check_range(where, "cooldown_seconds", self.cooldown_seconds, 1, 86_400)
        check_range(where, "timeout_seconds", self.timeout_seconds, 1, 25)
        check_type(where, "guardrail", self.guardrail, Guardrail)

    def as_dict(self, rules: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the route as the function reads it.

        Args:
            rules: What the function judges by. Default: none.
        """
        return {
            "name": self.name,
            "aliases": list(self.aliases),
            "targets": [target.as_dict() for target in self.targets],
            "failures": self.failures,
            "cooldown_seconds": self.cooldown_seconds,
            "timeout_seconds": self.timeout_seconds,
            "guardrail": rules,
        }
