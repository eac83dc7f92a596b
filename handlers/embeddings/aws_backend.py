"""The embeddings backend that calls Amazon Titan Text Embeddings V2 on Bedrock, one text a call."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from handlers.common.aws_api import AwsApi, reading_answer
from handlers.common.deadline import Deadline
from handlers.common.errors import UnprocessableInput
from handlers.embeddings.backend import Embeddings
from handlers.embeddings.contract import EMBEDDING_MODEL
from handlers.embeddings.models import Vector

_DIMENSIONS = 512
_CALLS_AT_ONCE = 8
_REFUSALS = {
    "ValidationException": lambda: UnprocessableInput("The embedding model cannot work on one of the texts."),
}


class TitanBackend:
    """Embed with the model that the contract names.

    Args:
        api: Bedrock's runtime; made from the environment when left out.
    """

    def __init__(self, api: AwsApi | None = None) -> None:
        self._api = api or AwsApi("bedrock-runtime")
        self._model = EMBEDDING_MODEL

    def embed(self, texts: Sequence[str], *, normalize: bool, deadline: Deadline) -> Embeddings:
        """Embed texts in 512 dimensions, eight at a time.

        Raises:
            ServiceError: Bedrock refuses a text, is busy, too slow, or answers nonsense.
        """
        with ThreadPoolExecutor(min(len(texts), _CALLS_AT_ONCE)) as threads:
            vectors = list(threads.map(lambda text: self._embed_one(text, normalize, deadline), texts))
        return Embeddings(
            model=self._model,
            normalized=normalize,
            vectors=[vector for vector, _ in vectors],
            tokens=sum(tokens for _, tokens in vectors),
        )

    def _embed_one(self, text: str, normalize: bool, deadline: Deadline) -> tuple[Vector, int]:
        body = {"inputText": text, "dimensions": _DIMENSIONS, "normalize": normalize}
        answer = self._api.call(
            "invoke_model",
            {
                "modelId": self._model,
                "contentType": "application/json",
                "accept": "application/json",
                "body": json.dumps(body),
            },
            deadline=deadline,
            refusals=_REFUSALS,
        )
        with reading_answer("bedrock-runtime.invoke_model"):
            body = json.loads(answer["body"])
            vector, tokens = [float(number) for number in body["embedding"]], int(body["inputTextTokenCount"])
            if len(vector) != _DIMENSIONS or not all(map(math.isfinite, vector)) or tokens < 0:
                raise ValueError("not a vector of the dimensions asked for")
        return vector, tokens
