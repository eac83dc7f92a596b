"""Request and response of `/v1/chat/completions`, and the list of models, in OpenAI's form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from handlers.chat.messages import Message, NamedTool, ResponseFormat, ToolChoice, Tools
from handlers.chat.parameters import Only, Stop
from handlers.common.models import RequestModel, ResponseModel, is_none

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
_MAX_MESSAGES = 256
_MAX_TOKENS = 131_072

Tokens = Annotated[int, Field(ge=1, le=_MAX_TOKENS)]


class StreamOptions(RequestModel):
    """Options of a streamed answer."""

    include_usage: Annotated[
        bool | None, Field(description="Whether a last chunk without choices has the usage.")
    ] = None
    include_obfuscation: Annotated[Any, Only(False)] = None


class ChatRequest(RequestModel):
    """A conversation to answer. Parameters of OpenAI's that are not supported are rejected, with their names."""

    model: Annotated[str, Field(min_length=1, max_length=64, description="A name that GET /v1/models lists.")]
    messages: Annotated[list[Message], Field(min_length=1, max_length=_MAX_MESSAGES)]
    max_completion_tokens: Tokens | None = None
    max_tokens: Annotated[Tokens, Field(description="The older name of max_completion_tokens.")] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Stop | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    n: Annotated[Any, Only(1)] = None
    parallel_tool_calls: Annotated[Any, Only(True)] = None
    frequency_penalty: Annotated[Any, Only(0)] = None
    presence_penalty: Annotated[Any, Only(0)] = None
    logprobs: Annotated[Any, Only(False)] = None
    store: Annotated[Any, Only(False)] = None
    audio: Annotated[Any, Only()] = None
    function_call: Annotated[Any, Only()] = None
    functions: Annotated[Any, Only()] = None
    logit_bias: Annotated[Any, Only()] = None
    metadata: Annotated[Any, Only()] = None
    modalities: Annotated[Any, Only()] = None
    moderation: Annotated[Any, Only()] = None
    prediction: Annotated[Any, Only()] = None
    prompt_cache_key: Annotated[Any, Only()] = None
    prompt_cache_options: Annotated[Any, Only()] = None
    prompt_cache_retention: Annotated[Any, Only()] = None
    reasoning_effort: Annotated[Any, Only()] = None
    safety_identifier: Annotated[Any, Only()] = None
    service_tier: Annotated[Any, Only("auto")] = None
    top_logprobs: Annotated[Any, Only()] = None
    user: Annotated[Any, Only()] = None
    verbosity: Annotated[Any, Only()] = None
    web_search_options: Annotated[Any, Only()] = None

    @field_validator("max_tokens")
    @classmethod
    def _one_limit(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("max_completion_tokens") is not None:
            raise ValueError("should be left out, as max_completion_tokens is there")
        return value

    @field_validator("messages")
    @classmethod
    def _tool_results_answer_calls(cls, messages: list[Message]) -> list[Message]:
        called: set[str] = set()
        for message in messages:
            if message.tool_call_id is not None and message.tool_call_id not in called:
                raise ValueError("should have each tool message after the assistant's call that it answers")
            called |= {call.id for call in message.tool_calls or ()}
        return messages

    @field_validator("tools")
    @classmethod
    def _names_differ(cls, tools: Tools | None) -> Tools | None:
        names = [tool.function.name for tool in tools or ()]
        if len(set(names)) < len(names):
            raise ValueError("should have functions with different names")
        return tools

    @field_validator("tool_choice")
    @classmethod
    def _chooses_a_tool(cls, choice: ToolChoice | None, info: ValidationInfo) -> ToolChoice | None:
        names = {tool.function.name for tool in info.data.get("tools") or ()}
        if choice not in (None, "none") and not names:
            raise ValueError("should be left out without tools")
        if isinstance(choice, NamedTool) and choice.function.name not in names:
            raise ValueError("should name one of tools")
        return choice

    @field_validator("stream_options")
    @classmethod
    def _belongs_to_a_stream(cls, value: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if value is not None and not info.data.get("stream"):
            raise ValueError("should be left out unless stream is true")
        return value

    @property
    def token_limit(self) -> int | None:
        """The most tokens of the answer; None for the model's own limit."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        """The texts at which the model stops."""
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or ())


class CalledFunction(ResponseModel):
    """The function that the model asks for."""

    name: str
    arguments: str = Field(description="A JSON object, as text.")


class RequestedCall(ResponseModel):
    """A call that the model asks for."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Answer(ResponseModel):
    """The model's message."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[RequestedCall] | None = Field(default=None, exclude_if=is_none)


class ChoiceOfAnswer(ResponseModel):
    """The answer, and why it ended."""

    index: Literal[0] = 0
    message: Answer
    finish_reason: FinishReason
    logprobs: None = None


class Usage(ResponseModel):
    """Tokens, as the model that answered counts them."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class ChatCompletion(ResponseModel):
    """The answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Seconds since 1970.")
    model: str = Field(description="The model that answered.")
    choices: list[ChoiceOfAnswer]
    usage: Usage


class FunctionDelta(ResponseModel):
    """A part of the call of a function."""

    name: str | None = Field(default=None, description="In the first part of a call only.")
    arguments: str = Field(description="The next characters of a JSON object.")


class CallDelta(ResponseModel):
    """A part of a call that the model asks for."""

    index: int = Field(ge=0, description="Number of the call.")
    id: str | None = Field(default=None, description="In the first part of a call only.")
    type: Literal["function"] | None = Field(default=None, description="In the first part of a call only.")
    function: FunctionDelta


class Delta(ResponseModel):
    """A part of the model's message."""

    role: Literal["assistant"] | None = Field(default=None, description="In the first chunk only.")
    content: str | None = None
    tool_calls: list[CallDelta] | None = None


class ChoiceOfChunk(ResponseModel):
    """The next part of the answer; why it ended is in the last one."""

    index: Literal[0]
    delta: Delta
    finish_reason: FinishReason | None
    logprobs: None


class ChatCompletionChunk(ResponseModel):
    """A part of a streamed answer."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int = Field(description="Seconds since 1970.")
    model: str = Field(description="The model that answers.")
    choices: list[ChoiceOfChunk] = Field(description="One part; none in the chunk with the usage.")
    usage: Usage | None = Field(
        default=None, description="With include_usage: null, and in the last chunk the tokens."
    )


class Model(ResponseModel):
    """A model that requests can name."""

    id: str
    object: Literal["model"] = "model"
    created: Literal[0] = Field(default=0, description="Not recorded: always 0.")
    owned_by: str = Field(description="The backend that is tried first.")
    description: str = Field(description="What answers, and what it can do.")


class ModelList(ResponseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]
