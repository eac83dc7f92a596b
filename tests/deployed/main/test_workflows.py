"""The workflows of main.py over HTTP, with the real models: what the demo shows, and what happens when a part is down."""

from __future__ import annotations

import base64
import io
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from handlers.chat.offline_backend import MODEL
from local_cloud.console.timeline import Row, timeline
from tests.support.deployment import Deployed
from tools.calls import SAMPLES, TEXT, Call
from tools.demo_calls import Demo, call, judge
from tools.demo_workflows import FALLBACK_MODEL, close_circuit, document, run_job, summary, unavailable
from tools.executions import list_executions

SUMMARY = Call(
    "", "POST", "/workflows/summary", check=lambda answer: "", body={"text": TEXT, "max_sentences": 1}
)


@pytest.fixture(scope="module", autouse=True)
def warm(deployed: Deployed) -> None:
    """Load every model, twice where a workflow asks for two things at once: a busy machine takes long for that."""
    text = {"text": TEXT}
    picture = {"image": base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/vision/text", picture),
        ("/language/analysis", text),
        ("/language/summary", {**text, "style": "abstractive"}),
        ("/embeddings", {"inputs": [TEXT]}),
        ("/embeddings/summary", text),
    ]

    def ask(path: str, body: dict[str, Any]) -> int:
        return answered(deployed, Call("", "POST", path, check=lambda answer: "", body=body))[0]

    assert deployed.callers.user_token
    with ThreadPoolExecutor(len(requests)) as threads:
        list(threads.map(lambda one: ask(*one), requests))
    assert {path: ask(path, body) for path, body in requests} == dict.fromkeys(dict(requests), 200)


@pytest.fixture
def demo(deployed: Deployed) -> Demo:
    return Demo(deployed.outputs, deployed.callers)


def answered(deployed: Deployed, request: Call) -> tuple[int, Any]:
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    return status, json.loads(content)


RESERVED = ["reserve the budget", "enough budget?", "metered"]
"""The states in front of a workflow."""

SETTLED = ["settle the budget", "metered answer"]
"""The states behind a workflow that has succeeded."""


def machines(deployed: Deployed) -> dict[str, str]:
    """The ARNs of all state machines of the stack, by the last part of their names."""
    listed = deployed.callers.client("stepfunctions").list_state_machines()["stateMachines"]
    return {machine["name"]: machine["stateMachineArn"] for machine in listed}


def newest(deployed: Deployed, machine_arn: str) -> str:
    """The newest execution of a state machine."""
    return str(list_executions(deployed.callers.client("stepfunctions"), machine_arn)[0]["executionArn"])


def history(deployed: Deployed, execution_arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployed.callers.client("stepfunctions").get_execution_history(
        executionArn=execution_arn, maxResults=1000
    )["events"]
    return found


def of_workflow(deployed: Deployed, name: str) -> list[Row]:
    """The timeline of the newest execution of a synchronous workflow."""
    arns: dict[str, str] = deployed.outputs["workflow_arns"]  # type: ignore[assignment]
    return timeline(history(deployed, newest(deployed, arns[name])))


def test_a_document_is_read_and_understood_in_one_call(deployed: Deployed) -> None:
    request = document()
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    assert judge(request, status, content)

    rows = of_workflow(deployed, "document")
    states = [row.state for row in rows]
    assert states[:6] == [*RESERVED, "read the text", "any text?", "understand it"]
    question = {"understand it: answer", "any question?", "answer the question"}
    assert set(states[6:-3]) == {"analyse", "embed", "summarize", *question}
    assert states[-3:] == ["answer", *SETTLED]
    assert {row.outcome for row in rows} == {"succeeded"}
    by_name = {row.state: row for row in rows}
    around = by_name["understand it"]
    for name in ("analyse", "embed", "summarize"):
        inside = by_name[name]
        assert (inside.depth, inside.attempts) == (around.depth + 1, 1)
        assert around.start_ms <= inside.start_ms
        assert inside.start_ms + inside.duration_ms <= around.start_ms + around.duration_ms
    assert by_name["read the text"].duration_ms > 0
    assert around.start_ms >= by_name["read the text"].duration_ms


@pytest.mark.parametrize("question", [{}, {"question": None}])
def test_without_a_question_no_model_is_asked(deployed: Deployed, question: dict[str, Any]) -> None:
    request = document()
    assert isinstance(request.body, dict)
    body = {"image": request.body["image"], **question}
    status, answer = answered(deployed, replace(request, body=body))
    assert (status, answer["answer"], answer["failed"]) == (200, None, [])
    assert "no question" in [row.state for row in of_workflow(deployed, "document")]


def test_a_question_is_data_whatever_marks_it_has(deployed: Deployed) -> None:
    request = document()
    assert isinstance(request.body, dict)
    marks = "{page} {{x}} {% $states.input %} {% $error('a') %} $uppercase('a') \"; } %s </page> What is the total?"
    status, answer = answered(deployed, replace(request, body={**request.body, "question": marks}))
    assert (status, answer["failed"]) == (200, [])
    assert answer["answer"]["model"] == MODEL


def test_without_the_language_models_a_document_has_no_answer(deployed: Deployed, demo: Demo) -> None:
    with unavailable(demo, "chat"):
        status, answer = answered(deployed, document())
    assert status == 200, answer
    busy = {"code": "backend_unavailable", "message": "The service is busy. Try again later."}
    assert answer["failed"] == [{"branch": "answer", "error": busy}]
    assert answer["answer"] is None
    assert answer["summary"]["summary"]


def test_with_one_branch_down_the_rest_is_answered_and_the_branch_is_named(
    deployed: Deployed, demo: Demo
) -> None:
    with unavailable(demo, "embeddings"):
        status, answer = answered(deployed, document())
    assert status == 200, answer
    assert "TOTAL" in answer["text"].upper()
    busy = {"code": "backend_unavailable", "message": "The service is busy. Try again later."}
    assert answer["failed"] == [{"branch": "embedding", "error": busy}]
    assert answer["embedding"] is None
    assert answer["analysis"]["language"]["code"] == "en"
    assert answer["summary"]["summary"]
    (embed,) = [row for row in of_workflow(deployed, "document") if row.state == "embed"]
    assert (embed.outcome, embed.attempts) == ("caught", 3)


def test_with_the_first_step_down_the_document_is_refused_as_busy(deployed: Deployed, demo: Demo) -> None:
    with unavailable(demo, "vision"):
        status, answer = answered(deployed, document())
    assert (status, answer["code"]) == (503, "backend_unavailable")
    assert set(answer) == {"code", "message", "requestId"}


def test_a_picture_without_text_is_refused(deployed: Deployed) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "white").save(picture, "PNG")
    body = {"image": base64.b64encode(picture.getvalue()).decode()}
    status, answer = answered(
        deployed, Call("", "POST", "/workflows/document", check=lambda answer: "", body=body)
    )
    assert (status, answer["code"]) == (422, "unprocessable_input")
    assert [(row.state, row.outcome) for row in of_workflow(deployed, "document")] == [
        ("reserve the budget", "succeeded"),
        ("enough budget?", "succeeded"),
        ("metered", "caught"),
        ("read the text", "succeeded"),
        ("any text?", "succeeded"),
        ("no text", "failed"),
        ("settle the failure", "succeeded"),
        ("failed", "failed"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"image": 1}, 400, "invalid_request"),
        ({"image": "QQ==", "more": 1}, 400, "invalid_request"),
        ({"image": "AAAA" * 70_000}, 413, "payload_too_large"),
        ({"image": "QQ=="}, 415, "unsupported_media_type"),
    ],
    ids=["nothing", "no text", "more", "too large", "no picture"],
)
def test_what_is_no_picture_is_refused(
    deployed: Deployed, body: dict[str, object], status: int, code: str
) -> None:
    request = Call("", "POST", "/workflows/document", check=lambda answer: "", body=body)
    given, answer = answered(deployed, request)
    assert (given, answer["code"]) == (status, code), answer


def test_a_summary_comes_from_another_service_while_the_first_takes_no_calls(
    deployed: Deployed, demo: Demo
) -> None:
    with unavailable(demo, "language"):
        request = summary("", FALLBACK_MODEL)
        status, content, _ = call(deployed.invoke_url, request, deployed.callers)
        assert judge(request, status, content)
    outcomes = {row.state: (row.outcome, row.error) for row in of_workflow(deployed, "summary")}
    assert outcomes == {
        **dict.fromkeys(RESERVED, ("succeeded", None)),
        "summarize: circuit": ("succeeded", None),
        "summarize: open?": ("succeeded", None),
        "summarize": ("caught", "Lambda.TooManyRequestsException"),
        "summarize: count": ("succeeded", None),
        "choose its sentences": ("succeeded", None),
        **dict.fromkeys(["answer", *SETTLED], ("succeeded", None)),
    }
    request = summary("", MODEL)
    status, content, _ = call(deployed.invoke_url, request, deployed.callers)
    assert judge(request, status, content)
    assert [row.state for row in of_workflow(deployed, "summary")] == [
        *RESERVED,
        "summarize: circuit",
        "summarize: open?",
        "summarize",
        "summarize: recovered?",
        "summarize: close",
        "answer",
        *SETTLED,
    ]


def test_a_first_service_that_failed_three_times_is_not_tried_until_its_circuit_is_closed(
    deployed: Deployed, demo: Demo
) -> None:
    close_circuit(demo)
    with unavailable(demo, "language"):
        for _ in range(3):
            assert answered(deployed, SUMMARY)[1]["model"] == FALLBACK_MODEL
    assert answered(deployed, SUMMARY)[1]["model"] == FALLBACK_MODEL
    assert [row.state for row in of_workflow(deployed, "summary")] == [
        *RESERVED,
        "summarize: circuit",
        "summarize: open?",
        "choose its sentences",
        "answer",
        *SETTLED,
    ]
    close_circuit(demo)
    assert answered(deployed, SUMMARY)[1]["model"] == MODEL
    assert [row.state for row in of_workflow(deployed, "summary")][5:] == [
        "summarize",
        "summarize: recovered?",
        "answer",
        *SETTLED,
    ]


def test_with_both_services_down_the_summary_is_refused_as_busy(deployed: Deployed, demo: Demo) -> None:
    with unavailable(demo, "language"), unavailable(demo, "embeddings"):
        status, answer = answered(deployed, SUMMARY)
    assert (status, answer["code"]) == (503, "backend_unavailable")


def test_a_job_reads_two_pages_and_only_keys_are_in_its_states(
    deployed: Deployed, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    run_job(demo)
    assert demo.wrong == 0, capsys.readouterr().out
    (arn,) = [arn for name, arn in machines(deployed).items() if name.endswith("-jobs-document")]
    execution = newest(deployed, arn)
    client = deployed.callers.client("stepfunctions")
    # The execution ends a moment after its job.
    end = time.monotonic() + 20
    while (described := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < end
        time.sleep(0.05)
    assert described["status"] == "SUCCEEDED"
    given = json.loads(described["input"])
    assert set(given) == {"owner", "job_id", "input_key", "output_key", "items", "charge"}
    assert {name for item in given["items"] for name in item} == {"number", "input_key", "output_prefix"}
    events = history(deployed, execution)
    assert not _told(json.dumps(events, default=str))
    rows = timeline(events)
    assert {row.outcome for row in rows} == {"succeeded"}
    read = [row for row in rows if row.state == "read the page"]
    assert {row.iteration for row in read} == {0, 1}


def test_one_page_without_text_does_not_fail_the_other(deployed: Deployed) -> None:
    pages = [{"image": base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()}, {"image": "QQ=="}]
    key = {"Idempotency-Key": secrets.token_hex(8)}
    start = Call(
        "",
        "POST",
        "/workflows/document/jobs",
        check=lambda answer: "",
        body={"input": {"pages": pages}},
        headers=key,
    )
    status, job = answered(deployed, start)
    assert status == 202, job
    look = Call("", "GET", f"/jobs/{job['id']}", check=lambda answer: "")
    end = time.monotonic() + 120
    while job["status"] == "running" and time.monotonic() < end:
        time.sleep(0.2)
        status, job = answered(deployed, look)
    assert job["status"] == "succeeded", job
    good, bad = job["result"]["pages"]
    assert "TOTAL" in good["result"]["text"]["text"].upper()
    assert good["result"]["failed"] == []
    assert (bad["result"], bad["error"]["code"]) == (None, "unsupported_media_type")
    assert bad["error"]["message"]


def test_neither_pictures_nor_texts_are_in_the_logs_of_state_machines(deployed: Deployed) -> None:
    assert answered(deployed, document())[0] == 200
    assert answered(deployed, SUMMARY)[0] == 200
    logs = deployed.callers.client("logs")
    prefix = "/aws/vendedlogs/states/"
    groups = [
        group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    ]
    assert {group.removeprefix(prefix) for group in groups} == set(machines(deployed))
    written = ""
    for group in groups:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            written += "\n".join(event["message"] for event in page["events"])
    readable = sorted((deployed.workspace.cloud.directory / "logs" / "state_machines").glob("*.log"))
    written += "\n".join(path.read_text(encoding="utf-8") for path in readable)
    assert "understand it" in written
    assert not _told(written)


def _told(written: str) -> list[str]:
    """Return the parts of the picture, of its text, or of the summarized text that are in a log."""
    picture = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
    return [part for part in (picture[200:240], "CORNER COFFEE", "museum") if part.lower() in written.lower()]
