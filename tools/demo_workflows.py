"""Workflows of `make demo`: one within the request, one as a job, one with a failing service."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deploy_tools.console import heading
from handlers.chat.offline_backend import MODEL
from handlers.jobs.contract import read_job, start_job
from local_cloud.console.timeline import timeline
from tools.calls import SAMPLES, TEXT, Call, expect
from tools.demo_calls import Demo
from tools.executions import list_executions
from tools.timeline import lines
from workflows.contract import summarize_reliably, understand_document

PATIENCE_SECONDS = 120
FALLBACK_MODEL = "universal-sentence-encoder-multilingual-v3"
QUESTION = "What is the total?"


def run_workflows(demo: Demo) -> None:
    """Run every workflow and print their timelines."""
    heading("Run the workflows")
    demo.make(document())
    show_timeline(demo, "document")
    with unavailable(demo, "language"):
        demo.make(summary("a summary while the language function takes no calls", FALLBACK_MODEL))
        show_timeline(demo, "summary")
        for which in ("a second", "a third"):
            demo.make(summary(f"{which} one meanwhile", FALLBACK_MODEL))
    demo.make(summary("it works again, but three failures have opened its circuit", FALLBACK_MODEL))
    show_timeline(demo, "summary")
    close_circuit(demo)
    demo.make(summary("and when the circuit is closed, by hand or half a minute later", MODEL))
    run_job(demo)


def document() -> Call:
    """Text, analysis, embedding and summary of a picture, in one call."""

    def check(answer: Any) -> str:
        expect("TOTAL" in answer.get("text", "").upper(), "the word TOTAL in the text", answer)
        expect(answer.get("failed") == [], "no part that failed", answer)
        expect(answer["embedding"]["dimensions"] > 100, "an embedding", answer)
        expect(bool(answer["summary"]["summary"]), "a summary", answer)
        expect(answer["answer"]["model"] == MODEL, f"an answer of the model {MODEL}", answer)
        expect("9.35" in answer["answer"]["text"], "the total in the answer", answer)
        return (
            f"{QUESTION} {answer['answer']['text']} {len(answer['lines'])} lines, language {answer['analysis']['language']['code']}, "
            f"{answer['embedding']['dimensions']} dimensions, summary: {answer['summary']['summary'][:60]}…"
        )

    receipt = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
    return Call.of(
        understand_document,
        "read this receipt, then analyse, embed and summarize what it says, and answer a question",
        check,
        body={"image": receipt, "question": QUESTION},
        shown=f"samples/receipt.png as base64 in JSON, {QUESTION}",
    )


def summary(title: str, model: str) -> Call:
    """Return a call of the summary workflow that a certain model must answer."""

    def check(answer: Any) -> str:
        expect(answer.get("model") == model, f"the model {model}", answer)
        expect("museum" in answer["summary"], "a summary that speaks of the museum", answer)
        return f"{answer['summary']}  ({answer['model']})"

    return Call.of(summarize_reliably, title, check, body={"text": TEXT, "max_sentences": 1})


@contextmanager
def unavailable(demo: Demo, service: str) -> Iterator[None]:
    """Make Lambda reject every invocation of a function, as with an exhausted concurrency."""
    client = demo.callers.client("lambda")
    names: Mapping[str, str] = demo.outputs["function_names"]  # type: ignore[assignment]
    client.put_function_concurrency(FunctionName=names[service], ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=names[service])


def close_circuit(demo: Demo) -> None:
    """Close the circuit as an operator would: delete its item."""
    circuit = demo.outputs["summary_circuit"]
    demo.callers.client("dynamodb").delete_item(TableName=circuit, Key={"circuit": {"S": circuit}})


def show_timeline(demo: Demo, workflow: str) -> None:
    """Print the states of a workflow's last execution, with start and duration."""
    client = demo.callers.client("stepfunctions")
    arns: Mapping[str, str] = demo.outputs["workflow_arns"]  # type: ignore[assignment]
    last = list_executions(client, arns[workflow])[0]
    events = client.get_execution_history(executionArn=last["executionArn"], maxResults=1000)["events"]
    for line in lines(timeline(events)):
        print(f"      {line}", flush=True)


def run_job(demo: Demo) -> None:
    """Start a job for two pages, poll it until it ends, and show its result."""
    pages = [
        {"image": base64.b64encode((SAMPLES / name).read_bytes()).decode()}
        for name in ("receipt.png", "receipt.png")
    ]
    key = f"demo-{secrets.token_hex(8)}"
    start = Call.of(
        start_job,
        "the same for two pages, as a job",
        _accepted,
        parameters={"workflow": "document"},
        body={"input": {"pages": pages}},
        headers={"Idempotency-Key": key},
        shown="2 x samples/receipt.png",
    )
    content = demo.make(start)
    if not content:
        return
    job = json.loads(content)
    again = replace(
        start, title=f"{start.title}, sent twice: the same job", check=lambda answer: _same(job, answer)
    )
    content = demo.make(again)
    named = {"job": job["id"]}
    look = Call.of(read_job, "poll the job", _status, parameters=named)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (content := demo.make(look)) and json.loads(content)["status"] == "running":
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    demo.make(Call.of(read_job, "its result", _pages, parameters=named))


def _accepted(answer: Any) -> str:
    expect(answer.get("status") == "running", "a job that runs", answer)
    return f"job {answer['id']} is running"


def _same(job: Mapping[str, Any], answer: Any) -> str:
    expect(answer.get("id") == job["id"], f"the job {job['id']}", answer)
    return f"job {answer['id']}"


def _status(answer: Any) -> str:
    expect(answer.get("status") in ("running", "succeeded"), "a job that runs or has succeeded", answer)
    progress = answer.get("progress")
    return str(answer["status"]) + (f", {progress['states_done']} states done" if progress else "")


def _pages(answer: Any) -> str:
    pages = (answer.get("result") or {}).get("pages", ())
    expect(len(pages) == 2, "two pages", answer)
    for page in pages:
        found = page.get("result") or {}
        expect(
            "TOTAL" in found.get("text", {}).get("text", "").upper(), "the word TOTAL on each page", answer
        )
        expect(found.get("failed") == [], "no part that failed", answer)
    return f"{len(pages)} pages, each with text, analysis, summary and key sentences"
