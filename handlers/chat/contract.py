"""Contract of the chat service: OpenAI's protocol, so that OpenAI's SDKs and what is built on them work unchanged."""

from __future__ import annotations

from handlers.chat.agent_models import TurnBounds, TurnRequest, TurnResult
from handlers.chat.embeddings_models import EmbeddingList, EmbeddingRequest
from handlers.chat.models import ChatCompletion, ChatCompletionChunk, ChatRequest, Model, ModelList
from handlers.common.contract import LARGEST_BODY_BYTES, Contract
from handlers.common.error_format import OPENAI_ERROR
from handlers.common.metering import BY_MODEL, per_input_token
from handlers.common.prompts import PromptAnswer, PromptRequest

EMBEDDINGS_MODEL = "embeddings"
"""The model of `/v1/embeddings`: the embeddings service, whichever backend it has."""

chat = Contract(
    "chat",
    summary="Language models and embeddings by OpenAI's protocol.",
    max_body_bytes=LARGEST_BODY_BYTES,
    read_only=True,
    error_format=OPENAI_ERROR,
)
complete_chat = chat.post(
    "/v1/chat/completions",
    ChatRequest,
    ChatCompletion,
    event_model=ChatCompletionChunk,
    name="chat.completions",
    metered_by=BY_MODEL,
    summary="Answer a conversation with a language model.",
    request_example={
        "model": "fast",
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_completion_tokens": 16,
    },
)
embed_inputs = chat.post(
    "/v1/embeddings",
    EmbeddingRequest,
    EmbeddingList,
    name="chat.embeddings",
    metered_by=per_input_token("input", used="usage.total_tokens", most=4 * 16_000 + 2 * 64),
    summary="Turn texts into vectors that are close to each other when the meanings are.",
    max_body_bytes=262_144,
    request_example={"model": EMBEDDINGS_MODEL, "input": ["a cat on a sofa"]},
)
list_models = chat.get(
    "/v1/models", ModelList, name="chat.models", summary="List the models, with what each can do."
)
read_model = chat.get(
    "/v1/models/{model}", Model, name="chat.model", summary="Return one model, with what it can do."
)
take_turn = chat.direct(
    TurnRequest,
    TurnResult,
    name="chat.turn",
    metered_by=BY_MODEL,
    prompt=lambda request, _backend: TurnBounds.of(request),
    summary="Ask the model of an agent for its next step.",
)
answer_prompt = chat.direct(
    PromptRequest,
    PromptAnswer,
    name="chat.answer",
    metered_by=BY_MODEL,
    prompt=lambda request, _backend: PromptRequest.model_validate(request),
    summary="Answer a prompt of a workflow or a service.",
)
