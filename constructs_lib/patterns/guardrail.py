"""Guardrail of a model route or a service: what is masked and blocked in its texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from constructs_lib.checks import check_choice, check_list, check_mapping, check_pattern, check_range
from constructs_lib.errors import InvalidArgumentError

GuardrailAction = Literal["MASK", "BLOCK"]
GuardrailBackend = Literal["bedrock", "offline"]

OFFLINE_PERSONAL_DATA: Final = (
    "AWS_ACCESS_KEY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "PHONE",
    "URL",
    "US_SOCIAL_SECURITY_NUMBER",
)
"""Types of personal data that the backend `offline` finds."""

PERSONAL_DATA: Final = (
    *OFFLINE_PERSONAL_DATA,
    "ADDRESS",
    "AGE",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "DRIVER_ID",
    "LICENSE_PLATE",
    "NAME",
    "PASSWORD",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
)
"""Types of personal data that Bedrock Guardrails finds, by its names."""

_WHERE: Final = "Guardrail"
_BEDROCK_WINDOW: Final = 900
_OFFLINE_WINDOW: Final = 200
_OVERLAP: Final = 100
_CHARACTERS_PER_TOKEN: Final = 8
_MOST_BATCHES: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """Guardrail of a model route or a service: masks and blocks what it names in their texts.

    It judges inputs, outputs, streams and the arguments of tools. It fails closed: what cannot be judged is answered with 503.

    Attributes:
        personal_data: Types of personal data, by Bedrock's names such as `PHONE`, with `MASK` or `BLOCK`. `MASK` replaces each
            by its type in braces. Default: none.
        words: Words and phrases that block a text, 1-100 characters each. Default: none.
        topics: Topics that block a text, each with its definition in 1-200 characters. Needs `bedrock`. Default: none.
        prompt_attacks: Whether texts of users and tools that attack the model are blocked. Needs `bedrock`. Default: False.
        window: Characters of a stream that are held back until they are judged, 200-20000. Longer ones cost fewer calls of
            Bedrock. Default: 900 for `bedrock`, one text unit with the 100 before them; 200 for `offline`.
        backend: `bedrock`: Bedrock Guardrails; `offline`: patterns in the function, for the types of `OFFLINE_PERSONAL_DATA` and
            for words. Default: `bedrock`; on the local cloud `offline`.

    Raises:
        ConstructError: An attribute is not valid, or it asks for nothing.

    Example:
        >>> Guardrail(personal_data={"PHONE": "MASK", "EMAIL": "BLOCK"}, words=["Project X"]).units()
        {'guardrail_personal_data_unit': 1}
    """

    personal_data: Mapping[str, GuardrailAction] = field(default_factory=dict)
    words: Sequence[str] = ()
    topics: Mapping[str, str] = field(default_factory=dict)
    prompt_attacks: bool = False
    window: int | None = None
    backend: GuardrailBackend | None = None

    def __post_init__(self) -> None:
        check_mapping(_WHERE, "personal_data", self.personal_data)
        check_list(_WHERE, "words", self.words)
        check_mapping(_WHERE, "topics", self.topics)
        for kind, action in self.personal_data.items():
            if kind not in PERSONAL_DATA:
                raise InvalidArgumentError(
                    _WHERE,
                    f"personal_data has the type {kind!r}, which is unknown",
                    f"use Bedrock's names: {', '.join(sorted(PERSONAL_DATA))}",
                )
            check_choice(_WHERE, f"personal_data[{kind!r}]", action, GuardrailAction)
        for word in self.words:
            check_pattern(
                _WHERE, "words", word, r"(?=.*\S)[^\x00-\x1f]{1,100}", "use 1 to 100 characters in one line"
            )
        for name, definition in self.topics.items():
            check_pattern(
                _WHERE,
                "topics",
                name,
                r"[0-9A-Za-z][0-9A-Za-z !?._-]{0,99}",
                "use 1 to 100 letters, digits and ' !?._-'",
            )
            check_pattern(
                _WHERE,
                f"topics[{name!r}]",
                definition,
                r"(?s)(?=.*\S).{1,200}",
                "describe the topic in 1 to 200 characters",
            )
        if self.window is not None:
            check_range(_WHERE, "window", self.window, 200, 20_000)
        if self.backend is not None:
            check_choice(_WHERE, "backend", self.backend, GuardrailBackend)
        if not (self.personal_data or self.words or self.topics or self.prompt_attacks):
            raise InvalidArgumentError(
                _WHERE, "it asks for nothing", "pass personal_data, words, topics or prompt_attacks"
            )

    def require_offline(self, where: str) -> None:
        """Check that patterns can judge by it.

        Args:
            where: Path of the route or the service.

        Raises:
            InvalidArgumentError: They cannot.
        """
        beyond = [f"'{kind}'" for kind in self.personal_data if kind not in OFFLINE_PERSONAL_DATA]
        beyond += ["topics"] if self.topics else []
        beyond += ["prompt_attacks"] if self.prompt_attacks else []
        if beyond:
            raise InvalidArgumentError(
                where,
                f"its guardrail asks for {', '.join(beyond)}, which the backend 'offline' cannot judge",
                f"remove them, or use the backend 'bedrock'; offline are {', '.join(OFFLINE_PERSONAL_DATA)} and words",
            )

    def units(self) -> dict[str, int]:
        """Return what Bedrock bills for a window, by the units of `guardrail@aws` in the prices; words are free."""
        paid = {
            "guardrail_content_unit": self.prompt_attacks,
            "guardrail_personal_data_unit": self.personal_data,
            "guardrail_topic_unit": self.topics,
        }
        read = (self.window or _BEDROCK_WINDOW) + _OVERLAP
        return {unit: math.ceil(read / 1_000) for unit, rules in paid.items() if rules}

    def largest(self, tokens: Mapping[str, int]) -> dict[str, int]:
        """Return the most that Bedrock bills for judging a prompt and its answer.

        Args:
            tokens: The most tokens that they have, by `input_token` and `output_token`.
        """
        characters = tokens["input_token"] + _CHARACTERS_PER_TOKEN * tokens["output_token"]
        windows = characters // ((self.window or _BEDROCK_WINDOW) - _OVERLAP) + _MOST_BATCHES
        return {unit: windows * count for unit, count in self.units().items()}

    def offline_rules(self) -> dict[str, Any]:
        """Return what the function judges by, without Bedrock."""
        return {
            "backend": "offline",
            "personal_data": dict(self.personal_data),
            "words": list(self.words),
            "step": (self.window or _OFFLINE_WINDOW) - _OVERLAP,
            "overlap": _OVERLAP,
        }

    def bedrock_rules(self, guardrail_id: str, version: str) -> dict[str, Any]:
        """Return what the function asks Bedrock to judge by.

        Args:
            guardrail_id: Id of the guardrail; a reference.
            version: Its version; a reference.
        """
        return {
            "backend": "bedrock",
            "id": guardrail_id,
            "version": version,
            "units": self.units(),
            "step": (self.window or _BEDROCK_WINDOW) - _OVERLAP,
            "overlap": _OVERLAP,
        }
