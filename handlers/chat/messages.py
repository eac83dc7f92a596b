"""Messages, tools and response formats of a chat request, in OpenAI's form."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from handlers.chat.parameters import Only
from handlers.common.models import RequestModel

MAX_TEXT_CHARACTERS = 400_000
_MAX_PARTS = 64
_MAX_TOOLS = 64
_MAX_URL_CHARACTERS = 4_500_000
_DATA_URL = re.compile(r"data:image/(png|jpeg|gif|webp);base64,")

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ImageKind = Literal["png", "jpeg", "gif", "webp"]


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a message.

    Attributes:
        kind: Its format.
        data: Its bytes.
    """

    kind: ImageKind
    data: bytes


def _image(url: str) -> Image:
    found = _DATA_URL.match(url)
    if found is None:
        raise ValueError("should be a data: URL of a PNG, JPEG, GIF or WebP image in base64")
    try:
        data = base64.b64decode(url[found.end() :].encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        data = b""
    if not data:
        raise ValueError("should hold an image in standard base64 with padding")
    return Image(found[1], data)  # type: ignore[arg-type]


def _data_url(url: str) -> str:
    _image(url)
    return url


class ImageUrl(RequestModel):
    """An image, sent with the request."""

    url: Annotated[str, Field(max_length=_MAX_URL_CHARACTERS), AfterValidator(_data_url)]
    detail: Annotated[Any, Only("auto")] = None

    @property
    def image(self) -> Image:
        """The image."""
        return _image(self.url)


class Part(RequestModel):
    """A part of a message's content."""

    type: Literal["text", "image_url"]
    text: Text | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _has_what_its_type_says(self) -> Part:
        given = {name for name in ("text", "image_url") if getattr(self, name) is not None}
        if given != {self.type}:
            raise ValueError(f"should have {self.type}, as its type says, and no other content")
        return self


class FunctionCall(RequestModel):
    """The function that a tool call names."""

    name: Name
    arguments: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS, description="A JSON object, as text.")]


class ToolCall(RequestModel):
    """A call of a tool that the model asked for."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    type: Literal["function"]
    function: FunctionCall


def _form(value: object) -> str:
    return "text" if isinstance(value, str) else "parts"


Content = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[list[Part], Field(min_length=1, max_length=_MAX_PARTS), Tag("parts")],
    Discriminator(_form),
]


class Message(RequestModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    tool_calls: Annotated[list[ToolCall], Field(min_length=1, max_length=_MAX_TOOLS)] | None = None
    tool_call_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    name: Annotated[Any, Only()] = None
    refusal: Annotated[Any, Only()] = None
    audio: Annotated[Any, Only()] = None
    function_call: Annotated[Any, Only()] = None
    annotations: Annotated[Any, Only()] = None

    @model_validator(mode="after")
    def _has_what_its_role_says(self) -> Message:
        if self.content is None and self.tool_calls is None:
            raise ValueError("should have content")
        if self.tool_calls is not None and self.role != "assistant":
            raise ValueError("should have no tool_calls, as its role is not assistant")
        if (self.tool_call_id is not None) != (self.role == "tool"):
            raise ValueError("should have tool_call_id if and only if its role is tool")
        if self.role != "user" and any(part.image_url for part in self.parts()):
            raise ValueError("should have no image, as its role is not user")
        return self

    def parts(self) -> Iterator[Part]:
        """The content in parts; a text is one part."""
        if isinstance(self.content, str):
            yield Part(type="text", text=self.content)
        else:
            yield from self.content or ()

    @property
    def text(self) -> str:
        """The texts of the content, one after the other."""
        return "".join(part.text or "" for part in self.parts())


class FunctionTool(RequestModel):
    """A function that the model may ask for."""

    name: Name
    description: Annotated[str, Field(min_length=1, max_length=4_096)] | None = None
    parameters: (
        Annotated[dict[str, Any], Field(description="JSON schema of the arguments: an object.")] | None
    ) = None
    strict: bool | None = None

    @property
    def schema_of_arguments(self) -> dict[str, Any]:
        """The JSON schema of the arguments; without `parameters`, that of an empty object."""
        return self.parameters or {"type": "object", "properties": {}}


class Tool(RequestModel):
    """A tool that the model may ask for."""

    type: Literal["function"]
    function: FunctionTool


class NamedFunction(RequestModel):
    """The name of a function."""

    name: Name


class NamedTool(RequestModel):
    """The tool that the model has to ask for."""

    type: Literal["function"]
    function: NamedFunction


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("text")] | Annotated[NamedTool, Tag("parts")],
    Discriminator(_form),
]
Tools = Annotated[list[Tool], Field(min_length=1, max_length=_MAX_TOOLS)]


class JsonSchemaFormat(RequestModel):
    """A JSON schema of the answer, with a name."""

    name: Name
    description: Annotated[str, Field(max_length=4_096)] | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(RequestModel):
    """The form of the answer: any text, any JSON object, or what a JSON schema says."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _has_a_schema_if_its_type_says_so(self) -> ResponseFormat:
        if (self.json_schema is not None) != (self.type == "json_schema"):
            raise ValueError("should have json_schema if and only if its type is json_schema")
        return self
