"""Turns of an agent: what its workflow passes to the model, and what the model's answer leads to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue

from handlers.chat.messages import Message
from handlers.common.metering import READ, WRITTEN
from handlers.common.models import RequestModel, ResponseModel
from handlers.common.prompts import BYTES_PER_CHARACTER, TOKENS_PER_MESSAGE, TOKENS_PER_REQUEST

MOST_STEPS: Final = 25
AGAIN, END = "again", "end"
"""Next states besides the tools: the model again, or the end."""

EndedBy = Literal["answer", "steps", "seconds", "budget"]


class AgentTool(RequestModel):
    """Operation that the model may call."""

    operation: str
    description: Annotated[str, Field(min_length=1, max_length=4_096)]
    parameters: Annotated[dict[str, JsonValue], Field(description="JSON schema of what the model may set.")]
    metered_by: Annotated[dict[str, JsonValue] | None, Field(description="Measure of its calls.")] = None

    @property
    def name(self) -> str:
        """The name for the model, whose names have no dots."""
        return self.operation.replace(".", "_")


class AgentStep(RequestModel):
    """Step that an agent made: a call of a tool, with `ok` or the code of its error."""

    tool: str
    status: str


class AgentCall(RequestModel):
    """Call of a tool that the workflow makes next; its input fits the schema of the tool."""

    id: str
    tool: str
    input: dict[str, JsonValue]


class AgentState(RequestModel):
    """State of an agent, which travels through its workflow."""

    task: Annotated[JsonValue, Field(description="What the agent works on: data.")]
    messages: list[Message]
    steps: list[AgentStep]
    turns: Annotated[int, Field(ge=0, description="Calls of the model so far.")]
    spent_nano_usd: Annotated[int, Field(ge=0, description="Money used so far.")]
    ends_at: Annotated[int, Field(description="End of its time, in milliseconds since 1970.")]
    call: AgentCall | None = None
    text: Annotated[str | None, Field(description="What the model wrote last, besides its calls.")] = None


class Observation(RequestModel):
    """Outcome of a call of a tool: its result as text, or the name of an error."""

    result: str | None = None
    error: str | None = None


class TurnRequest(RequestModel):
    """Next call of an agent's model."""

    model: Annotated[str, Field(min_length=1, max_length=64, description="Name of a model route.")]
    instructions: Annotated[str, Field(min_length=1, max_length=20_000)]
    tools: Annotated[list[AgentTool], Field(max_length=20)]
    answer_schema: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON schema of the answer. Default: it is a text.")
    ] = None
    max_steps: Annotated[int, Field(ge=1, le=MOST_STEPS, description="The most calls of the model.")]
    max_tokens: Annotated[int, Field(ge=1, le=131_072, description="The most tokens of an answer.")]
    max_characters: Annotated[int, Field(ge=1, le=100_000, description="The most characters of the task.")]
    max_result_characters: Annotated[
        int, Field(ge=1, le=50_000, description="The most characters of a tool's result, or of its input.")
    ]
    budget_nano_usd: Annotated[int, Field(ge=0, description="The most money of all calls together.")]
    state: AgentState
    observation: Observation | None = None


class TurnBounds(RequestModel):
    """The part of a turn that is known at synth, for its upper bound."""

    model: str
    instructions: str
    tools: list[dict[str, Any]]
    answer_schema: dict[str, Any] | None = None
    max_steps: int
    max_tokens: int
    max_characters: int
    max_result_characters: int
    budget_nano_usd: int

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> TurnBounds:
        """Return the part of a request that is known at synth."""
        return cls(**{name: request[name] for name in cls.model_fields if name in request})

    def largest(self) -> dict[str, int]:
        """Return the most tokens of all turns together, by unit."""
        size = len(json.dumps([self.instructions, self.tools, self.answer_schema]).encode())
        first = TOKENS_PER_REQUEST + 2 * TOKENS_PER_MESSAGE + size + BYTES_PER_CHARACTER * self.max_characters
        # Each turn adds a call and its result.
        more = 4 * TOKENS_PER_MESSAGE + 2 * BYTES_PER_CHARACTER * self.max_result_characters
        read = sum(first + turn * more for turn in range(self.max_steps))
        return {READ: read, WRITTEN: self.max_steps * self.max_tokens}


class AgentAnswer(ResponseModel):
    """Answer of an agent."""

    answer: JsonValue = Field(
        description="A text, or what the schema describes; what the model wrote last, or null, if it is not complete."
    )
    complete: bool = Field(description="False if it ended at a bound.")
    ended_by: EndedBy = Field(description="What ended it: the answer, or the bound that it reached.")
    steps: list[dict[str, str]] = Field(
        description="The calls of tools, each with `ok` or the code of its error."
    )
    turns: int = Field(description="Calls of the model.")


class TurnResult(ResponseModel):
    """Next state of the workflow, and its data."""

    next: str = Field(description="Operation of a tool, `again` for the model, or `end`.")
    state: dict[str, JsonValue]
    observation: None = None
    result: AgentAnswer | None
