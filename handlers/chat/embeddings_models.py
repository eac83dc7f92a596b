"""Request and response of `/v1/embeddings`, in OpenAI's form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from handlers.chat.parameters import Only
from handlers.common.models import NotBlank, RequestModel, ResponseModel

MAX_INPUTS = 64
MAX_INPUT_CHARACTERS = 2_000

Input = Annotated[str, Field(max_length=MAX_INPUT_CHARACTERS), NotBlank()]


def _form(value: object) -> str:
    return "text" if isinstance(value, str) else "texts"


class EmbeddingRequest(RequestModel):
    """Texts to embed; at most 16,000 characters in all. Arrays of tokens are not supported."""

    model: Annotated[str, Field(min_length=1, max_length=64)]
    input: Annotated[
        Annotated[Input, Tag("text")]
        | Annotated[list[Input], Field(min_length=1, max_length=MAX_INPUTS), Tag("texts")],
        Discriminator(_form),
    ]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[Any, Only(512)] = None
    user: Annotated[Any, Only()] = None

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return [self.input] if isinstance(self.input, str) else list(self.input)


class Embedding(ResponseModel):
    """The vector of a text."""

    object: Literal["embedding"] = "embedding"
    index: int = Field(ge=0)
    embedding: list[float] | str = Field(
        description="Numbers; for base64, those numbers as 32-bit floats, little-endian."
    )


class EmbeddingUsage(ResponseModel):
    """Tokens, as the model counts them."""

    prompt_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class EmbeddingList(ResponseModel):
    """One vector for each text, in their order."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str = Field(description="Vectors of different models cannot be compared.")
    usage: EmbeddingUsage
