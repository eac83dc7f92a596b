"""Operations that are metered: reserved after the request was read, settled after each outcome."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers.common.admission import Admission
from handlers.common.caller import Limit, Unit
from handlers.common.contract import Contract
from handlers.common.errors import (
    BackendTimeout,
    BackendUnavailable,
    ContentFiltered,
    InvalidRequest,
    ServiceError,
)
from handlers.common.guardrails import Guardrail
from handlers.common.invocation import Invocation
from handlers.common.judge import Verdict
from handlers.common.ledger import Outcome, Share
from handlers.common.metering import BY_MODEL, FREE, MeteredBy, per_input_token
from handlers.common.models import RequestModel, ResponseModel
from handlers.common.prices import Prices
from handlers.common.service import Service
from tests.support.aws import Answering
from tests.support.cloud_in_thread import CloudInThread
from tests.support.events import Answer, Context, ask, proxy_event
from tests.support.guardrails import FakeJudge, guardrail
from tests.support.meter import NOW, MeteredTables, call_of, caller_with, limit, soon

PRICES = """
["words@local"]
input_token = 10
date = 2026-11-30
source = "nominal"
["guardrail@aws"]
guardrail_topic_unit = 3
date = 2026-11-30
source = "nominal"
["model:a"]
input_token = 1
output_token = 2
date = 2026-11-30
source = "nominal"
["model:b"]
input_token = 100
output_token = 200
date = 2026-11-30
source = "nominal"
"""
WORDS = per_input_token("text", used="tokens", most=100)
BUCKET = "key:k1#day#nano_usd#2026-11-30"


class Words(RequestModel):
    text: str


class Count(ResponseModel):
    tokens: int


Work = Callable[[Words, Invocation], int]


@pytest.fixture
def tables(cloud: CloudInThread) -> MeteredTables:
    return MeteredTables(cloud.client("dynamodb"))


@pytest.fixture
def prices(tmp_path: Any) -> Prices:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    return Prices.from_file(file)


def service_of(
    tables: MeteredTables,
    prices: Prices,
    work: Work,
    metered_by: MeteredBy = WORDS,
    guardrail: Guardrail | None = None,
    **options: bool,
) -> Service:
    contract = Contract("words")
    operation = contract.post("/words", Words, Count, summary="Count.", metered_by=metered_by, **options)
    admission = Admission(tables.meter(), prices=lambda: prices)
    service = Service(contract, admission=admission, guardrail=guardrail)

    @service.implements(operation)
    def count(request: Words, invocation: Invocation) -> Count:
        return Count(tokens=work(request, invocation))

    return service


def ask_as(service: Service, *limits: Limit, text: str = "abcd", request_id: str = "r1") -> Answer:
    event = proxy_event(json.dumps({"text": text}), path="/words")
    event["requestContext"] |= {
        "requestId": request_id,
        "requestTimeEpoch": int(NOW * 1000),
        "authorizer": {
            "principalId": "acme",
            "tenant": "acme",
            "key": "k1",
            "caller": "A" * 24,
            "services": "*",
            "models": "*",
            "limits": json.dumps([one.to_json() for one in limits]),
        },
    }
    return ask(service, event)


def direct(service: Service, event: dict[str, object]) -> dict[str, object]:
    with contextlib.redirect_stdout(io.StringIO()):
        return service.handler(event, Context())


def two(_request: Words, _invocation: Invocation) -> int:
    return 2


def failing(error: Exception) -> Work:
    def work(_request: Words, _invocation: Invocation) -> int:
        raise error

    return work


def test_what_the_answer_says_is_settled(tables: MeteredTables, prices: Prices) -> None:
    answer = ask_as(service_of(tables, prices, two), limit("key:k1", "day", "nano_usd", 100))
    assert answer.status == 200
    (row,) = tables.check()
    assert (row["target"], row["quantities"]) == ({"S": "local:words"}, {"M": {"input_token": {"N": "2"}}})
    assert tables.counts() == {BUCKET: {"committed": 20, "spent": 20}}


def test_judgements_are_reserved_and_settled_beside_the_answer(tables: MeteredTables, prices: Prices) -> None:
    seen: list[dict[str, int]] = []

    def work(_request: Words, _invocation: Invocation) -> int:
        seen.append(tables.counts()[BUCKET])
        return 2

    judge = FakeJudge(lambda _: Verdict(units={"guardrail_topic_unit": 2}))
    rules = guardrail(judge, step=800, units={"guardrail_topic_unit": 1})
    service = service_of(tables, prices, work, guardrail=rules)
    assert ask_as(service, limit("key:k1", "day", "nano_usd", 100)).status == 200
    assert seen == [{"committed": 60 + 3, "spent": 0}]
    (row,) = tables.check()
    assert (row["target"], row["outcome"], row["fallbacks"]) == (
        {"S": "local:words"},
        {"S": "ok"},
        {"N": "0"},
    )
    assert row["quantities"] == {
        "M": {"input_token": {"N": "2"}, "guardrail_topic_unit": {"N": "2"}}
    }  # no text in the answer
    assert tables.counts() == {BUCKET: {"committed": 26, "spent": 26}}


@pytest.mark.parametrize("units", [{}, {"guardrail_topic_unit": 2}])
def test_a_blocked_call_is_in_the_ledger(
    tables: MeteredTables, prices: Prices, units: dict[str, int]
) -> None:
    judge = FakeJudge(lambda _: Verdict(blocked=["TOPIC"], units=units))
    service = service_of(tables, prices, two, guardrail=guardrail(judge, step=800, units=units))
    assert ask_as(service, limit("key:k1", "day", "nano_usd", 100)).status == 400
    (row,) = tables.check()
    assert row["outcome"] == {"S": "content_filter"}
    spent = 3 * units.get("guardrail_topic_unit", 0)
    assert tables.counts() == {BUCKET: {"committed": spent, "spent": spent}}


def test_work_whose_result_is_not_passed_on_is_settled(tables: MeteredTables, prices: Prices) -> None:
    contract = Contract("echo")
    operation = contract.post("/words", Words, Words, name="words", summary="Echo.", metered_by=WORDS)
    admission, judge = Admission(tables.meter(), prices=lambda: prices), FakeJudge()
    service = Service(contract, admission=admission, guardrail=guardrail(judge))

    @service.implements(operation)
    def echo(request: Words) -> Words:
        judge.error = BackendUnavailable()
        return request

    assert ask_as(service, limit("key:k1", "day", "nano_usd", 100)).status == 503
    assert tables.counts() == {BUCKET: {"committed": 60, "spent": 60}}


def test_the_upper_bound_is_reserved_while_the_work_is_done(tables: MeteredTables, prices: Prices) -> None:
    seen: list[dict[str, int]] = []

    def work(_request: Words, _invocation: Invocation) -> int:
        seen.append(tables.counts()[BUCKET])
        return 2

    ask_as(service_of(tables, prices, work), limit("key:k1", "day", "nano_usd", 100))
    assert seen == [{"committed": 60, "spent": 0}]


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (InvalidRequest(), 0),
        (BackendUnavailable(), 0),
        (BackendTimeout(), 60),
        (KeyError("a"), 60),
    ],
)
def test_what_is_not_known_counts_as_used(
    error: Exception, spent: int, tables: MeteredTables, prices: Prices
) -> None:
    ask_as(service_of(tables, prices, failing(error)), limit("key:k1", "day", "nano_usd", 100))
    assert tables.counts()[BUCKET] == {"committed": spent, "spent": spent}
    (row,) = tables.check()
    code = error.code if isinstance(error, ServiceError) else "internal_error"
    assert row["outcome"] == {"S": code}


def test_wrong_requests_and_refused_ones_cost_nothing(tables: MeteredTables, prices: Prices) -> None:
    service = service_of(tables, prices, failing(AssertionError()))
    event = proxy_event('{"txt": "a"}', path="/words")
    assert ask(service, event).status == 400
    answer = ask_as(service, limit("key:k1", "day", "nano_usd", 59))
    assert (answer.status, answer.body["code"]) == (429, "budget_exceeded")
    assert answer.headers["x-should-retry"] == "false"
    assert (tables.rows(), tables.counts()) == ([], {})


def test_a_fallback_is_reserved_at_its_own_price(tables: MeteredTables, prices: Prices) -> None:
    def work(_request: Words, invocation: Invocation) -> int:
        metered = invocation.metered
        upper = {"input_token": 4, "output_token": 3}
        metered.on_route("fast")
        first = metered.attempt("model:a", prices._named("model:a"), upper)
        first.fail(BackendTimeout())
        metered.attempt("model:b", prices._named("model:b"), upper)
        return 1

    service = service_of(tables, prices, work, BY_MODEL)
    assert ask_as(service, limit("key:k1", "day", "nano_usd", 1_009)).status == 429
    assert tables.counts()[BUCKET] == {"committed": 10, "spent": 10}
    assert ask_as(service, limit("key:k1", "day", "nano_usd", 2_000), request_id="r2").status == 200
    assert tables.counts()[BUCKET] == {"committed": 1_020, "spent": 1_020}
    row = next(row for row in tables.check() if row["request_id"]["S"] == "r2")
    assert (row["target"], row["fallbacks"], row["route"]) == ({"S": "model:b"}, {"N": "1"}, {"S": "fast"})


def test_an_operation_cannot_forget_the_meter(tables: MeteredTables, prices: Prices) -> None:
    answer = ask_as(service_of(tables, prices, two, BY_MODEL))
    assert (answer.status, answer.log_line["error_detail"]) == (500, "words reserved nothing with the meter")


def test_what_costs_nothing_counts_as_a_request(tables: MeteredTables, prices: Prices) -> None:
    service = service_of(tables, prices, two, FREE)
    bound = limit("key:k1", "day", "requests", 1)
    answers = [ask_as(service, bound, request_id=name).status for name in ("r1", "r2")]
    assert (answers, tables.rows()) == ([200, 429], [])


@pytest.mark.parametrize(("serves_uncounted", "status"), [(False, 503), (True, 200)])
def test_without_dynamodb_only_those_are_served_whose_contract_says_so(
    serves_uncounted: bool, status: int, tables: MeteredTables, prices: Prices
) -> None:
    down = BackendUnavailable(detail="dynamodb: down")
    meter = tables.meter()
    meter._transactions.api = meter._api = Answering(  # type: ignore[assignment]
        {"transact_write_items": down, "put_item": down}
    )
    service = service_of(tables, prices, two, serves_uncounted=serves_uncounted)
    service._admission = Admission(meter, prices=lambda: prices)
    assert ask_as(service, limit("key:k1", "day", "nano_usd", 100)).status == status


def test_a_task_takes_its_part_of_the_reservation_of_its_workflow(
    tables: MeteredTables, prices: Prices
) -> None:
    meter, workflow = tables.meter(), call_of(caller_with(limit("key:key-1", "day", "nano_usd", 200)), "w")
    bucket = "key:key-1#day#nano_usd#2026-11-30"
    reserved = meter.reserve(
        workflow, {"nano_usd": 130, "tokens": 99}, lasts_seconds=30, deadline=soon(), shared=True
    )
    charge = Share(workflow.key, reserved.amounts).to_json()
    event = {"operation": "words", "input": {"text": "abcd"}, "charge": charge}
    good, late = service_of(tables, prices, two), service_of(tables, prices, failing(BackendTimeout()))
    assert direct(good, event) == {"tokens": 2}
    with pytest.raises(BackendTimeout):
        direct(late, event)
    with pytest.raises(ServiceError, match="used up"):
        direct(good, event)  # 20 and 60 are used: 60 more are not left
    assert tables.counts()[bucket] == {"committed": 130, "spent": 0}
    for _ in range(2):
        meter.settle_share(workflow.key, outcome="ok", deadline=soon())
    assert tables.counts()[bucket] == {"committed": 80, "spent": 80}
    with pytest.raises(ServiceError, match="used up"):
        direct(good, event)
    (row,) = tables.check()
    assert row["used"]["M"] == {
        "requests": {"N": "1"},
        "tokens": {"N": "8"},
        "nano_usd": {"N": "80"},
    }


def test_a_task_takes_the_upper_bound_of_each_model_that_it_tries(
    tables: MeteredTables, prices: Prices
) -> None:
    meter, workflow = tables.meter(), call_of(caller_with(limit("key:key-1", "day", "nano_usd", 2_000)), "w")
    reserved = meter.reserve(
        workflow, {"nano_usd": 1_500, "tokens": 99}, lasts_seconds=30, deadline=soon(), shared=True
    )
    taken: list[int] = []

    def work(_request: Words, invocation: Invocation) -> int:
        upper = {"input_token": 4, "output_token": 3}
        for name, error in (("model:a", BackendTimeout()), ("model:b", None)):
            attempt = invocation.metered.attempt(name, prices._named(name), upper)
            taken.append(int(tables.rows()[0]["taken_nano_usd"]["N"]))
            if error is None:
                attempt.use({"input_token": 1, "output_token": 1})
            else:
                attempt.fail(error)
        return 1

    charge = Share(workflow.key, reserved.amounts).to_json()
    event = {"operation": "words", "input": {"text": "a"}, "charge": charge}
    service = service_of(tables, prices, work, BY_MODEL)
    assert direct(service, event) == {"tokens": 1}
    # The first has failed, and may have used all of its 10; the second gives back all but 300 of its 1,000.
    assert taken == [10, 1_010]
    assert int(tables.rows()[0]["taken_nano_usd"]["N"]) == 310
    assert direct(service, event) == {"tokens": 1}
    assert tables.rows()[0]["calls:words"] == {"N": "2"}  # calls, not attempts
    with pytest.raises(ServiceError, match="used up"):
        direct(service, event)
    meter.settle_share(workflow.key, outcome="ok", deadline=soon())
    (row,) = tables.check()
    assert row["used"]["M"]["nano_usd"] == {"N": "630"}


def test_a_task_counts_for_the_limits_of_its_own_route_too(
    tables: MeteredTables, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = (
        limit("key:key-1", "day", "nano_usd", 5_000),
        limit("route:document", "day", "nano_usd", 5_000),
        limit("route:fast", "day", "nano_usd", 1_200),
        limit("route:fast", "day", "requests", 1),
        limit("route:other", "day", "tokens", 1),
    )
    meter, workflow = tables.meter(), call_of(caller_with(*limits), "w", route="document")
    reserved = meter.reserve(
        workflow, {"nano_usd": 3_000, "tokens": 99}, lasts_seconds=30, deadline=soon(), shared=True
    )
    seen: list[dict[str, int]] = []

    def work(_request: Words, invocation: Invocation) -> int:
        invocation.metered.on_route("fast")
        upper = {"input_token": 4, "output_token": 3}
        attempt = invocation.metered.attempt("model:b", prices._named("model:b"), upper)
        seen.append(tables.counts()[route])
        attempt.use({"input_token": 1, "output_token": 1})
        return 1

    route = "route:fast@acme#day#nano_usd#2026-11-30"
    charge = json.loads(json.dumps(Share.of(workflow, reserved.amounts).to_json()))
    event = {"operation": "words", "input": {"text": "abcd"}, "charge": charge}
    service = service_of(tables, prices, work, BY_MODEL)
    direct(service, event)
    assert (seen, tables.counts()[route]) == (
        [{"committed": 1_000, "spent": 0}],
        {"committed": 300, "spent": 300},
    )
    monkeypatch.setenv("METER_NAMESPACE", "shop-prod")
    log = io.StringIO()
    with (
        contextlib.redirect_stdout(log),
        pytest.raises(ServiceError, match=r"route's budget of 0\.0000012 US"),
    ):
        service.handler(event, Context())
    refused = json.loads(log.getvalue().splitlines()[0])
    assert (refused["tenant"], refused["refusals"], refused["budget"]) == ("acme", 1, "route/day/nano_usd")
    meter.settle_share(workflow.key, outcome="ok", deadline=soon())
    assert tables.counts() == {
        "key:key-1#day#nano_usd#2026-11-30": {"committed": 300, "spent": 300},
        "route:document@acme#day#nano_usd#2026-11-30": {"committed": 300, "spent": 300},
        route: {"committed": 300, "spent": 300},
    }
    (row,) = tables.rows()
    assert row["used"]["M"]["nano_usd"] == {"N": "300"}


@pytest.mark.parametrize("is_late", [False, True])
def test_a_call_of_an_agent_has_a_row_of_its_own(
    is_late: bool, tables: MeteredTables, prices: Prices
) -> None:
    meter, workflow = tables.meter(), call_of(caller_with(), "w")
    reserved = meter.reserve(
        workflow, {"nano_usd": 130, "tokens": 99}, lasts_seconds=30, deadline=soon(), shared=True
    )
    charge = {**Share.of(workflow, reserved.amounts).to_json(), "agent": "read it"}

    def work(_request: Words, _invocation: Invocation) -> int:
        if is_late:
            meter.settle_share(workflow.key, outcome="workflow_timeout", deadline=soon())
        return 2

    event = {"operation": "words", "input": {"text": "abcd"}, "charge": charge}
    direct(service_of(tables, prices, work), event)
    part, whole = sorted(tables.check(), key=lambda row: "part_of" not in row)
    assert (part["account"], part["key"], part["operation"]) == (
        whole["account"],
        {"S": "key-1"},
        {"S": "words"},
    )
    assert (part["subject"], part["part_of"]) == (
        {"S": "agent/read it"},
        {"S": f"{whole['account']['S']}/{whole['row']['S']}"},
    )
    assert (part["target"], part["outcome"]) == ({"S": "local:words"}, {"S": "ok"})
    assert part["used"]["M"] == {"requests": {"N": "1"}, "tokens": {"N": "2"}, "nano_usd": {"N": "20"}}


def test_a_model_that_a_service_calls_for_a_caller_is_metered_for_the_caller(
    tables: MeteredTables, prices: Prices
) -> None:
    def work(_request: Words, invocation: Invocation) -> int:
        upper = {"input_token": 4, "output_token": 3}
        invocation.metered.attempt("model:a", prices._named("model:a"), upper).use({"input_token": 2})
        return 1

    caller = caller_with(limit("key:key-1", "day", "nano_usd", 12), limit("key:key-1", "day", "requests", 0))
    event = Invocation("r1", soon(), caller=caller).event("words", {"text": "a"})
    service = service_of(tables, prices, work, BY_MODEL)
    assert direct(service, event) == {"tokens": 1}
    assert direct(service, event) == {"tokens": 1}
    with pytest.raises(ServiceError, match="The key's budget"):
        direct(service, event)
    # It is not a request of its own, whose limit of 0 would have refused it.
    assert tables.counts() == {"key:key-1#day#nano_usd#2026-11-30": {"committed": 4, "spent": 4}}
    assert [row["operation"]["S"] for row in tables.check()] == ["words", "words"]


def test_units_that_a_service_calls_for_a_caller_are_metered_by_that_service(
    tables: MeteredTables, prices: Prices
) -> None:
    event = Invocation("r1", soon(), caller=caller_with()).event("words", {"text": "a"})
    assert direct(service_of(tables, prices, two), event) == {"tokens": 2}
    assert tables.rows() == []


def test_what_is_taken_or_given_back_twice_counts_once(tables: MeteredTables) -> None:
    meter, workflow = tables.meter(), call_of(caller_with(limit("key:key-1", "day", "nano_usd", 200)), "w")
    amounts: dict[Unit, int] = {"nano_usd": 100, "tokens": 0}
    reserved = meter.reserve(workflow, amounts, lasts_seconds=30, deadline=soon(), shared=True)
    share = Share(workflow.key, reserved.amounts)
    for _ in range(2):  # as botocore does after an answer that came too late
        meter.take(share, "p1", {"nano_usd": 60}, deadline=soon())
    assert tables.rows()[0]["taken_nano_usd"] == {"N": "60"}
    with pytest.raises(ServiceError, match="used up"):
        meter.take(share, "p2", {"nano_usd": 60}, deadline=soon())
    for _ in range(2):
        used = Outcome(amounts={"nano_usd": 10}, outcome="ok")
        meter.give_back(share, "p1", {"nano_usd": 60}, used, deadline=soon())
    assert tables.rows()[0]["taken_nano_usd"] == {"N": "10"}


def test_a_workflow_that_died_gives_back_what_its_tasks_did_not_take(
    tables: MeteredTables, prices: Prices
) -> None:
    meter, workflow = tables.meter(), call_of(caller_with(limit("key:key-1", "day", "nano_usd", 200)), "w")
    reserved = meter.reserve(
        workflow, {"nano_usd": 130, "tokens": 99}, lasts_seconds=30, deadline=soon(), shared=True
    )
    charge = Share(workflow.key, reserved.amounts).to_json()
    direct(service_of(tables, prices, two), {"operation": "words", "input": {"text": "a"}, "charge": charge})
    tables.now += 60
    assert meter.sweep(deadline=soon()) == 1
    assert tables.counts()["key:key-1#day#nano_usd#2026-11-30"] == {"committed": 20, "spent": 20}
    tables.check()


def test_a_blocked_task_has_the_row_of_its_workflow(tables: MeteredTables, prices: Prices) -> None:
    workflow = call_of(caller_with(limit("key:k1", "day", "nano_usd", 1_000)), "w")
    meter = tables.meter()
    reserved = meter.reserve(workflow, {"nano_usd": 500}, lasts_seconds=60, deadline=soon(), shared=True)
    charge = Share(workflow.key, reserved.amounts).to_json()
    rules = guardrail(FakeJudge(lambda _: Verdict(blocked=["WORD"])))
    service = service_of(tables, prices, two, BY_MODEL, guardrail=rules)
    with pytest.raises(ContentFiltered):
        direct(service, {"operation": "words", "input": {"text": "a"}, "charge": charge})
    meter.settle_share(workflow.key, outcome="content_filter", deadline=soon())
    (row,) = tables.check()
    assert (row["outcome"], tables.counts()) == (
        {"S": "content_filter"},
        {BUCKET: {"committed": 0, "spent": 0}},
    )


def test_a_call_is_a_log_line_with_metrics(
    tables: MeteredTables, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METER_NAMESPACE", "shop-prod")
    service, bound = service_of(tables, prices, two), limit("key:k1", "day", "nano_usd", 70)
    answers = [ask_as(service, bound, request_id=name) for name in ("r1", "r2")]
    used, refused = (
        next(line for line in map(json.loads, answer.log.splitlines()) if "_aws" in line)
        for answer in answers
    )
    (about,) = used["_aws"]["CloudWatchMetrics"]
    assert (about["Namespace"], about["Dimensions"]) == ("shop-prod", [["tenant"], ["gen_ai.request.model"]])
    assert (used["tenant"], used["gen_ai.request.model"], used["spend.usd"]) == ("acme", "local:words", 2e-8)
    assert used["gen_ai.client.token.usage.input"] == 2
    assert (refused["refusals"], refused["budget"]) == (1, "key/day/nano_usd")
