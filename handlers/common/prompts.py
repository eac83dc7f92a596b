"""Prompts: a template with named inputs, which a language model answers with a text or by a JSON schema.

Inputs are data: they are inserted into the template and never read as a part of it.
"""

from __future__ import annotations

import json
from string import Formatter
from typing import Annotated, Any, Final, Protocol

from pydantic import Field, JsonValue, model_validator

from handlers.common.errors import PayloadTooLarge
from handlers.common.metering import READ, WRITTEN
from handlers.common.models import RequestModel, ResponseModel

TOKENS_PER_MESSAGE: Final = 16
TOKENS_PER_REQUEST: Final = 512
"""What providers add to a message and to a conversation, such as the instructions for a schema."""

BYTES_PER_CHARACTER: Final = 4
"""The most bytes of a character in UTF-8. A token is at least one byte."""

_SCHEMA_BYTES: Final = 128
"""What a response format adds to its schema."""


class Prompt(Protocol):
    """Prompt of an operation for a model route."""

    model: str

    @property
    def budget_nano_usd(self) -> int | None:
        """The most money, in billionths of a US dollar; None if the tokens are the only bound."""

    def largest(self) -> dict[str, int]:
        """Return the most tokens that one model uses for it, by unit."""


class PromptRequest(RequestModel):
    """A prompt for a model route."""

    model: Annotated[str, Field(min_length=1, max_length=64, description="Name of a model route.")]
    template: Annotated[
        str, Field(min_length=1, max_length=20_000, description="The prompt; `{name}` stands for an input.")
    ]
    inputs: Annotated[
        dict[str, JsonValue],
        Field(default_factory=dict, description="Texts; other values are inserted as JSON."),
    ]
    max_characters: Annotated[
        int, Field(ge=0, le=100_000, description="The most characters of all inputs together.")
    ]
    max_tokens: Annotated[int, Field(ge=1, le=131_072, description="The most tokens of the answer.")]
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    answer_schema: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON schema of the answer. Default: it is a text.")
    ] = None

    @model_validator(mode="after")
    def _template_names_the_inputs(self) -> PromptRequest:
        try:
            names = {name for _, name, *_ in Formatter().parse(self.template) if name is not None}
        except ValueError:  # a single brace
            names = None
        if names != self.inputs.keys():
            raise ValueError("should have a template that names each input, and no other")
        return self

    @property
    def text(self) -> str:
        """The template with its inputs.

        Raises:
            PayloadTooLarge: The inputs have more than `max_characters`.
        """
        texts = {name: _text(value) for name, value in self.inputs.items()}
        if sum(map(len, texts.values())) > self.max_characters:
            raise PayloadTooLarge(
                f"inputs should have at most {self.max_characters:,} characters together.", param="inputs"
            )
        parts = Formatter().parse(self.template)
        return "".join(words + ("" if name is None else texts[name]) for words, name, *_ in parts)

    @property
    def budget_nano_usd(self) -> int | None:
        """The most money; None if the tokens are the only bound."""
        return None

    def largest(self) -> dict[str, int]:
        """Return the most tokens that a model uses for this template with any inputs, by unit."""
        size = TOKENS_PER_REQUEST + TOKENS_PER_MESSAGE + len(self.template.encode())
        if self.answer_schema is not None:
            size += _SCHEMA_BYTES + len(json.dumps(self.answer_schema))
        return {READ: size + BYTES_PER_CHARACTER * self.max_characters, WRITTEN: self.max_tokens}


class PromptAnswer(ResponseModel):
    """The answer to a prompt."""

    answer: Any = Field(description="A text, or what the schema describes.")
    model: str = Field(description="The model that answered.")
    complete: bool = Field(description="False if it ended at max_tokens.")


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
