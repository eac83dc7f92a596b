"""The Lambda handler of the chat function."""

from __future__ import annotations

import struct
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from dataclasses import replace

from handlers.chat.agent_models import TurnRequest, TurnResult
from handlers.chat.agents import Agents
from handlers.chat.backend import CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.backends import Backends, description
from handlers.chat.bounds import limited
from handlers.chat.circuits import Circuits
from handlers.chat.contract import (
    EMBEDDINGS_MODEL,
    answer_prompt,
    chat,
    complete_chat,
    embed_inputs,
    list_models,
    read_model,
    take_turn,
)
from handlers.chat.embeddings_models import Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage
from handlers.chat.guarded import GuardedChat
from handlers.chat.models import (
    Answer,
    CallDelta,
    CalledFunction,
    ChatCompletion,
    ChatCompletionChunk,
    ChatRequest,
    ChoiceOfAnswer,
    ChoiceOfChunk,
    Delta,
    FinishReason,
    FunctionDelta,
    Model,
    ModelList,
    RequestedCall,
    Usage,
)
from handlers.chat.prompts import answer, conversation
from handlers.chat.router import RoutedStream, Router
from handlers.chat.routes import ModelNotFound, Routes, Target
from handlers.common.aws_api import reading_answer
from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest
from handlers.common.event_stream import EventStream
from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.logs import InvocationLog
from handlers.common.metered import Metered
from handlers.common.once import Once
from handlers.common.prices import Prices
from handlers.common.prompts import PromptAnswer, PromptRequest
from handlers.common.responses import Reply
from handlers.common.service import Service


def create_service(router: Callable[[], Router], functions: Callable[[], Functions]) -> Service:
    """Return the chat service.

    Args:
        router: Returns the router; called at the first request that needs one.
        functions: Returns the functions, of which it invokes `embeddings`; called likewise.
    """
    service = Service(chat)
    _implement_tasks(service, router)

    @service.implements(complete_chat)
    def handle_completion(
        request: ChatRequest, invocation: Invocation
    ) -> Reply[ChatCompletion] | EventStream[ChatCompletionChunk]:
        _require_route(router().routes, request.model, invocation.caller)
        if request.stream:
            return _streamed(router(), request, invocation)
        completion, target, guard = _answered(router(), request, invocation)
        return Reply(_chat_completion(completion, target.model), _headers(invocation, target, guard))

    @service.implements(embed_inputs)
    def handle_embeddings(request: EmbeddingRequest, invocation: Invocation) -> Reply[EmbeddingList]:
        _require_model(request.model, [EMBEDDINGS_MODEL], invocation.caller)
        event = {
            "operation": "embeddings",
            "input": {"inputs": request.texts},
            "requestId": invocation.request_id,
        }
        answer = functions().call("embeddings", event, deadline=invocation.deadline)
        with reading_answer("embeddings"):
            vectors, tokens = answer["embeddings"], int(answer["tokens"])
            embeddings = EmbeddingList(
                data=[
                    Embedding(
                        index=index,
                        embedding=_base64(vector) if request.encoding_format == "base64" else vector,
                    )
                    for index, vector in enumerate(vectors)
                ],
                model=str(answer["model"]),
                usage=EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens),
            )
        return Reply(embeddings, _headers(invocation))

    @service.implements(list_models)
    def handle_list(invocation: Invocation) -> Reply[ModelList]:
        return Reply(ModelList(data=_models(router().routes, invocation.caller)), _headers(invocation))

    @service.implements(read_model)
    def handle_model(invocation: Invocation) -> Reply[Model]:
        name = invocation.http_request.path_parameters.get("model")
        models = _models(router().routes, invocation.caller)
        found = next((model for model in models if model.id == name), None)
        if found is None:
            raise ModelNotFound.among(model.id for model in models)
        return Reply(found, _headers(invocation))

    return service


def _implement_tasks(service: Service, router: Callable[[], Router]) -> None:
    """Implement what only workflows and other functions call."""
    agents = Agents(Once(Prices.from_file))

    @service.implements(answer_prompt)
    def handle_prompt(request: PromptRequest, invocation: Invocation) -> PromptAnswer:
        _require_route(router().routes, request.model, invocation.caller)
        completion, target, _ = _answered(router(), conversation(request), invocation)
        return answer(request, completion, target.model)

    @service.implements(take_turn)
    def handle_turn(request: TurnRequest, invocation: Invocation) -> TurnResult:
        _require_route(router().routes, request.model, invocation.caller)

        def answered(conversation: ChatRequest, until: Deadline) -> Completion:
            return _answered(router(), conversation, replace(invocation, deadline=until))[0]

        return agents.turn(request, answered, deadline=invocation.deadline, metered=invocation.metered)


def _metering(invocation: Invocation) -> Metered | None:
    return invocation.metered if invocation.metered.active else None


def _headers(
    invocation: Invocation, target: Target | None = None, guard: GuardedChat | None = None
) -> dict[str, str]:
    return {
        "x-request-id": invocation.request_id,
        **({} if target is None else {"x-model-target": target.name}),
        **({} if guard is None else guard.header),
    }


def _answered(
    router: Router, request: ChatRequest, invocation: Invocation
) -> tuple[Completion, Target, GuardedChat | None]:
    """Return the answer to a request as the caller may read it, its target, and the guardrail of its route."""
    request, guard = _guarded(router, request, invocation)
    routed = router.complete(request, deadline=invocation.deadline, metered=_metering(invocation))
    completion = routed.completion if guard is None else guard.completion(request, routed.completion)
    return completion, routed.target, guard


def _streamed(
    router: Router, request: ChatRequest, invocation: Invocation
) -> EventStream[ChatCompletionChunk]:
    if not invocation.streams:
        raise InvalidRequest("stream is not supported here; remove it, or send false.", param="stream")
    request, guard = _guarded(router, request, invocation)
    stream = router.stream(request, deadline=invocation.deadline, metered=_metering(invocation))
    pieces = stream if guard is None else guard.pieces(request, stream, stopped=lambda: stream.so_far)
    options = request.stream_options
    events = _chunks(stream, pieces, with_usage=bool(options and options.include_usage))
    return EventStream(events, _headers(invocation, stream.target, guard), last="[DONE]")


def _guarded(
    router: Router, request: ChatRequest, invocation: Invocation
) -> tuple[ChatRequest, GuardedChat | None]:
    """Return a request as the model may read it, and the guardrail of its route, which judges the answer."""
    route = router.routes.route(request.model)
    invocation.metered.on_route(route.name)
    if route.guardrail is None:
        return request, None
    around = route.guardrail.around(invocation.metered, name=route.name, deadline=invocation.deadline)
    guard = GuardedChat(around)
    tokens = max(limited(request, target.backend).token_limit or 0 for target in route.targets)
    guard.reserve(request, tokens)
    return guard.request(request), guard


def _chat_completion(completion: Completion, model: str) -> ChatCompletion:
    calls = [
        RequestedCall(id=call.id, function=CalledFunction(name=call.name, arguments=call.arguments))
        for call in completion.calls
    ]
    return ChatCompletion(
        id=_id(),
        created=int(time.time()),
        model=model,
        choices=[
            ChoiceOfAnswer(
                message=Answer(content=completion.text, tool_calls=calls or None),
                finish_reason=completion.finish_reason,
            )
        ],
        usage=_usage(completion),
    )


def _chunks(
    stream: RoutedStream, pieces: Iterable[Piece], *, with_usage: bool
) -> Generator[ChatCompletionChunk, None, None]:
    """Yield the pieces of a stream as OpenAI's chunks; only the fields that are set are sent."""
    answer_id, created = _id(), int(time.time())

    def chunk(choices: list[ChoiceOfChunk], **usage: Usage | None) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=answer_id,
            object="chat.completion.chunk",
            created=created,
            model=stream.target.model,
            choices=choices,
            **usage,
        )

    def part(delta: Delta, finish_reason: FinishReason | None = None) -> ChatCompletionChunk:
        choice = ChoiceOfChunk(index=0, delta=delta, finish_reason=finish_reason, logprobs=None)
        return chunk([choice], usage=None) if with_usage else chunk([choice])

    with closing(stream):
        yield part(Delta(role="assistant", content=""))
        for piece in pieces:
            if isinstance(piece, End):
                yield part(Delta(), piece.finish_reason)
                if with_usage:
                    yield chunk([], usage=_usage(piece))
            else:
                yield part(_delta(piece))


def _delta(piece: TextPiece | CallPiece) -> Delta:
    if isinstance(piece, TextPiece):
        return Delta(content=piece.text)
    if piece.id is None or piece.name is None:
        function = FunctionDelta(arguments=piece.arguments)
        return Delta(tool_calls=[CallDelta(index=piece.index, function=function)])
    function = FunctionDelta(name=piece.name, arguments=piece.arguments)
    return Delta(tool_calls=[CallDelta(index=piece.index, id=piece.id, type="function", function=function)])


def _id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _usage(ended: Completion | End) -> Usage:
    read, written = ended.prompt_tokens, ended.completion_tokens
    return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


def _require_route(routes: Routes, name: str, caller: Caller | None) -> None:
    _require_model(name, routes.names, caller, routes.usable_by(caller).names)


def _require_model(
    name: str, names: Collection[str], caller: Caller | None, usable: Collection[str] | None = None
) -> None:
    """Check that a model exists, and that the caller may use it.

    Args:
        name: The model of the request.
        names: The models that the operation has.
        caller: The caller.
        usable: Those that the caller may use. Default: by their names.
    """
    if usable is None:
        usable = [one for one in names if caller is None or caller.may_use_model(one)]
    if name in usable:
        return
    if caller is not None and name in names:
        caller.require_model(name)
    raise ModelNotFound.among(usable)


def _models(routes: Routes, caller: Caller | None) -> list[Model]:
    """Return the models that a caller may use; without a caller, all."""
    models = [
        Model(id=name, owned_by=route.targets[0].backend, description=description(route))
        for route in routes.usable_by(caller)
        for name in (route.name, *route.aliases)
    ]
    if caller is not None and not caller.may_use_model(EMBEDDINGS_MODEL):
        return models
    text = "Vectors of texts in 512 dimensions, by the embeddings service; for /v1/embeddings only."
    return [*models, Model(id=EMBEDDINGS_MODEL, owned_by="embeddings", description=text)]


def _base64(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _router() -> Router:
    report = InvocationLog(chat.name).backend_failure
    return Router(
        Routes.from_environment(),
        backend=Backends(),
        circuits=Once(lambda: Circuits.from_environment(report)),
        report=report,
    )


service = create_service(Once(_router), Once(Functions.from_environment))
handler = service.handler
streaming_handler = service.streaming_handler
