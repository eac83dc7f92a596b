"""The scripted model: it calls the function first, and answers from what the function returned."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tools.scripted_model import reply, serving

TASK = {"role": "user", "content": "The picture."}
TEXT = "CORNER COFFEE\n2026-03-14 09:41 No. 1087\nEspresso 2.80\nTOTAL 9.35\n"


def called(message: Any) -> tuple[str, Any]:
    """The function that a message calls, and its arguments."""
    (call,) = message["tool_calls"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def test_it_reads_before_it_answers() -> None:
    assert called(reply({"messages": [TASK]})) == ("vision_text", {})
    result = {"role": "tool", "tool_call_id": "call-1", "content": json.dumps({"text": TEXT})}
    answer = {"shop": "Corner Coffee", "date": "2026-03-14", "total": 9.35}
    assert called(reply({"messages": [TASK, result]})) == ("answer", answer)


@pytest.mark.parametrize(
    "content", ['{"text": "no receipt"}', '{"text": "", "cut', "The function failed: failed."]
)
def test_it_answers_a_text_if_there_is_no_receipt(content: str) -> None:
    result = {"role": "tool", "tool_call_id": "call-1", "content": content}
    assert reply({"messages": [TASK, result]})["content"] == "I cannot read the receipt."


def test_it_speaks_openais_protocol() -> None:
    with serving(0) as base_url:
        place = urlsplit(base_url)
        connection = HTTPConnection(place.hostname or "", place.port)
        connection.request("POST", f"{place.path}/chat/completions", json.dumps({"messages": [TASK]}))
        answer = json.loads(connection.getresponse().read())
        connection.close()
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["usage"]["total_tokens"] > 20
