from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendError, BackendUnavailable, ServiceError, UnprocessableInput
from handlers.embeddings.app import create_service
from handlers.embeddings.aws_backend import TitanBackend
from handlers.embeddings.contract import EMBEDDING_MODEL
from tests.support import aws
from tests.support.events import call

VECTOR = [0.5] * 512


def answer(content: bytes) -> dict[str, Any]:
    return {"contentType": "application/json", "body": StreamingBody(io.BytesIO(content), len(content))}


def asked(text: str, normalize: bool = True) -> dict[str, Any]:
    body = {"inputText": text, "dimensions": 512, "normalize": normalize}
    return {
        "modelId": "amazon.titan-embed-text-v2:0",
        "contentType": "application/json",
        "accept": "application/json",
        "body": json.dumps(body),
    }


@pytest.mark.parametrize("normalize", [True, False])
def test_a_text_is_embedded_by_titan(normalize: bool) -> None:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        content = json.dumps({"embedding": VECTOR, "inputTextTokenCount": 1}).encode()
        stub.add_response("invoke_model", answer(content), asked("Grüße", normalize))
        service = create_service(lambda: TitanBackend(api))
        output = call(service, "embeddings", {"inputs": ["Grüße"], "normalize": normalize})
    assert output == {
        "model": "amazon.titan-embed-text-v2:0",
        "dimensions": 512,
        "normalized": normalize,
        "tokens": 1,
        "embeddings": [VECTOR],
    }


def test_many_texts_keep_their_order() -> None:
    class Bedrock(aws.Answering):
        def call(self, operation: str, parameters: Any, **options: Any) -> dict[str, Any]:
            super().call(operation, parameters, **options)
            number = float(json.loads(parameters["body"])["inputText"])
            body = {"embedding": [number] * 512, "inputTextTokenCount": 2}
            return {"body": json.dumps(body).encode()}

    bedrock = Bedrock({"invoke_model": {}})
    texts = [str(number) for number in range(64)]
    vectors = TitanBackend(bedrock).embed(texts, normalize=True, deadline=Deadline.after(25))  # type: ignore[arg-type]
    assert [vector[0] for vector in vectors.vectors] == list(range(64))
    assert vectors.tokens == 128
    assert (
        {parameters["modelId"] for _, parameters, _ in bedrock.calls} == {EMBEDDING_MODEL} == {vectors.model}
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"embedding": null}',
        b'{"embedding": [0.5]}',
        json.dumps({"embedding": VECTOR}).encode(),
        json.dumps({"embedding": VECTOR, "inputTextTokenCount": -1}).encode(),
        json.dumps({"embedding": ["x"] * 512}).encode(),
        json.dumps({"embedding": [float("nan")] * 512}).encode(),
        json.dumps({"embedding": [None] * 512}).encode(),
    ],
)
def test_an_answer_that_is_no_vector_is_a_backend_error(content: bytes) -> None:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        stub.add_response("invoke_model", answer(content))
        with pytest.raises(BackendError) as raised:
            TitanBackend(api).embed(["x"], normalize=True, deadline=Deadline.after(25))
    assert raised.value.message == "The AI backend's answer cannot be used."
    assert raised.value.detail == "bedrock-runtime.invoke_model: unforeseen answer"


@pytest.mark.parametrize(
    ("code", "status", "error", "message"),
    [
        (
            "ValidationException",
            400,
            UnprocessableInput,
            "The embedding model cannot work on one of the texts.",
        ),
        ("ThrottlingException", 429, BackendUnavailable, "The AI backend is busy. Try again later."),
        ("ModelNotReadyException", 429, BackendUnavailable, "The AI backend is busy. Try again later."),
        ("AccessDeniedException", 403, BackendError, "The AI backend refused the call."),
    ],
)
def test_what_bedrock_refuses(code: str, status: int, error: type[ServiceError], message: str) -> None:
    with aws.stubbed("bedrock-runtime") as (api, stub):
        stub.add_client_error("invoke_model", code, "some words", status)
        with pytest.raises(ServiceError) as raised:
            TitanBackend(api).embed(["x"], normalize=True, deadline=Deadline.after(25))
    assert (type(raised.value), raised.value.message) == (error, message)
