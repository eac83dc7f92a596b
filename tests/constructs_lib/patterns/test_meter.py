"""Meter: its resources, who is metered, and what has no measure or no price."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from constructs_lib import (
    Agent,
    AiService,
    AwsStack,
    BedrockModel,
    ChatService,
    ChatTask,
    ConflictError,
    Guardrail,
    InvalidArgumentError,
    JobRunner,
    LambdaTask,
    Map,
    Meter,
    ModelRoute,
    OfflineModel,
    OpenAiModel,
    PayloadBucket,
    Succeed,
    Variable,
    WorkflowService,
)
from constructs_lib.patterns.meter import Bound
from constructs_lib.patterns.model_route import ModelTarget
from constructs_lib.workflows.expressions import Input
from handlers.chat.contract import chat
from handlers.common.contract import Contract, Operation
from handlers.common.metering import BY_MODEL, BY_TASKS, FREE, MeteredBy, per_call
from handlers.common.prices import Prices
from handlers.common.prompts import PromptRequest
from handlers.jobs.contract import jobs
from handlers.ledger.contract import ledger
from tests.support.contracts import Greeting
from tests.support.streaming import with_client
from tests.support.synthesis import Configuration, FakeArchive, refused, statements
from tests.support.workflow_steps import AnyInput

TEXT = "vision.text"


def vision_like(metered_by: MeteredBy | None = None, name: str = TEXT) -> Contract:
    contract = Contract("vision")
    contract.post("/vision/text", Greeting, Greeting, name=name, summary="Read.", metered_by=metered_by)
    return contract


@pytest.fixture
def meter(stack: AwsStack, archive: FakeArchive) -> Meter:
    meter = Meter(stack, "meter", ledger, prices=Prices.from_file(), archive=archive)
    stack.meter_with(meter)
    return meter


@pytest.fixture
def service(stack: AwsStack, archive: FakeArchive, meter: Meter) -> AiService:
    return AiService(stack, vision_like(per_call("image")), archive=archive)


def task(service: AiService, name: str = "read") -> LambdaTask:
    operation = service.contract.operations[0]
    return LambdaTask(name, service, operation=operation, input={"text": Input("body.text")}, result="read")


def definitions(stack: AwsStack) -> dict[str, dict[str, Any]]:
    machines = Configuration(stack).all("sfn_state_machine").values()
    return {one["name"]: json.loads(one["definition"]) for one in machines}


def test_services_may_write_the_tables_and_no_more(stack: AwsStack, service: AiService) -> None:
    configuration = Configuration(stack)
    function = next(
        one
        for one in configuration.all("lambda_function").values()
        if one["function_name"] == service.function_name
    )
    variables = function["environment"]["variables"]
    assert (variables["METER_BUCKETS"], variables["METER_LEDGER"]) == (
        "shop-meter-buckets",
        "shop-meter-ledger",
    )
    policies = {
        name: statements(one["policy"])[0]["Action"]
        for name, one in configuration.all("iam_role_policy").items()
        if "vision" in name and "table" in one["name"]
    }
    assert sorted(policies.values()) == [
        ["dynamodb:PutItem", "dynamodb:UpdateItem"],
        ["dynamodb:UpdateItem"],
    ]


def test_the_ledger_sweeps_on_a_schedule_and_finds_open_reservations(stack: AwsStack, meter: Meter) -> None:
    configuration = Configuration(stack)
    assert configuration.only("cloudwatch_event_rule")["schedule_expression"] == "rate(5 minutes)"
    table = next(
        one for one in configuration.all("dynamodb_table").values() if one["name"] == meter.ledger.table_name
    )
    assert table["global_secondary_index"] == [{"name": "open", "hash_key": "open", "projection_type": "ALL"}]
    scans = [
        one["Resource"]
        for policy in configuration.all("iam_role_policy").values()
        for one in statements(policy["policy"])
        if "dynamodb:Scan" in one["Action"]
    ]
    assert any(str(resource).endswith("/index/open']") for resource in scans)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda stack, archive: AiService(stack, vision_like(), archive=archive),
            (
                "shop/vision: operation vision.text has no metered_by; pass it in the contract of "
                "'vision', such as per_call('image') or FREE"
            ),
        ),
        (
            lambda stack, archive: AiService(
                stack, vision_like(per_call("image"), "vision.faces"), archive=archive
            ),
            (
                "shop/vision: prices.toml: 'vision.faces@local' has no price; add an entry with its units, the date and the "
                "source"
            ),
        ),
        (
            lambda stack, archive: AiService(stack, vision_like(per_call("page")), archive=archive),
            "shop/vision: prices.toml: 'vision.text@local' has no price for the unit 'page'; add 'page = NANO_USD'",
        ),
    ],
    ids=["no measure", "no price", "no price for the unit"],
)
def test_what_has_no_measure_or_price_fails_the_synthesis(
    make: Callable[[AwsStack, FakeArchive], object],
    message: str,
    stack: AwsStack,
    archive: FakeArchive,
    meter: Meter,
) -> None:
    assert refused(lambda: make(stack, archive)) == (InvalidArgumentError, message)


def test_a_model_without_a_price_fails_the_synthesis(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    contract = Contract("chat")
    contract.post("/chat", Greeting, Greeting, summary="Talk.", metered_by=BY_MODEL)
    here = OpenAiModel(model="any", base_url="http://127.0.0.1:1/v1")
    good = ModelRoute("good", [here, BedrockModel("amazon.nova-lite-v1:0")])
    ChatService(stack, contract, routes=[good], embeddings=service, archive=archive)
    away = ModelRoute("away", [OpenAiModel(model="any", base_url="https://models.example/v1")])
    other = Contract("other")
    assert refused(lambda: ChatService(stack, other, routes=[away], embeddings=service, archive=archive)) == (
        InvalidArgumentError,
        "shop/other: prices.toml: 'openai:any' has no price; add an entry with its units, the date and the source",
    )


def flows(*operations: str) -> tuple[Contract, list[Operation]]:
    contract = Contract("flows", max_body_bytes=200_000)
    found = [
        contract.post(
            f"/flows/{name}", Greeting, Greeting, name=f"flows.{name}", summary="Flow.", metered_by=BY_TASKS
        )
        for name in operations
    ]
    return contract, found


def test_a_workflow_reserves_the_sum_of_its_tasks_and_settles_on_every_path(
    stack: AwsStack, service: AiService
) -> None:
    contract, (one,) = flows("one")
    steps = task(service) >> task(service, "read again") >> Succeed("done", output={"text": "a"})
    WorkflowService(stack, contract, {one: steps})
    states = definitions(stack)["shop-flows-one"]["States"]
    reserved = states["reserve the budget"]["Arguments"]["Payload"]
    assert (reserved["operation"], reserved["input"]["nano_usd"], reserved["input"]["lasts_seconds"]) == (
        "ledger.reserve",
        20_000,
        27,
    )
    assert "charge" not in reserved
    inner = states["metered"]["Branches"][0]["States"]
    assert inner["read"]["Arguments"]["Payload"]["charge"] == "{% $reserved.charge %}"
    assert states["metered"]["Catch"][0]["Next"] == "settle the failure"
    assert states["metered"]["Next"] == "settle the budget"
    assert states["metered answer"]["Output"] == "{% $done.work %}"


def test_an_unknown_number_of_tasks_is_for_jobs(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    contract, (one,) = flows("one")
    each = Map(
        "each", Input("items"), each=task(service) >> Succeed("page"), max_concurrency=2, result="pages"
    ) >> Succeed("all")
    assert refused(lambda: WorkflowService(stack, contract, {one: each})) == (
        InvalidArgumentError,
        (
            "shop/flows: a Map invokes a metered operation, so that the upper bound of the workflow is not known; run it as a "
            "job, which reserves by the number of its items"
        ),
    )
    payloads = PayloadBucket(stack, "payloads", expire_days=2)
    runner = JobRunner(stack, jobs, payloads=payloads, archive=archive, finish_handler="chat.finish")
    runner.add_workflow("pages", each, each="items")
    function = next(
        one
        for one in Configuration(stack).all("lambda_function").values()
        if one["function_name"] == "shop-jobs"
    )
    workflow = json.loads(function["environment"]["variables"]["JOB_WORKFLOWS"])["pages"]
    assert {name: workflow[name] for name in ("nano_usd", "nano_usd_each", "tokens", "tokens_each")} == {
        "nano_usd": 0,
        "nano_usd_each": 10_000,
        "tokens": 0,
        "tokens_each": 0,
    }


def test_tasks_need_a_measure_of_units(stack: AwsStack, archive: FakeArchive, meter: Meter) -> None:
    service = AiService(stack, vision_like(FREE), archive=archive)
    contract, (one,) = flows("one")
    assert refused(lambda: WorkflowService(stack, contract, {one: task(service) >> Succeed("done")})) == (
        InvalidArgumentError,
        (
            "shop/flows: a task invokes vision.text, whose upper bound is not known; add metered_by=per_call(…) or another "
            "measure of units to it in the contract of 'vision'"
        ),
    )


def chat_with(
    stack: AwsStack, archive: FakeArchive, service: AiService, *targets: ModelTarget
) -> ChatService:
    route = ModelRoute("fast", targets, aliases=["quick"])
    return ChatService(stack, chat, routes=[route], embeddings=service, archive=with_client(archive))


def question(models: ChatService, **fields: Any) -> ChatTask:
    prompt = {"prompt": "Yes? {text}", "inputs": {"text": Input("body.text")}, "max_characters": 100}
    return ChatTask(
        "ask", models, **{"model": "quick", "max_tokens": 9, "timeout_seconds": 20, **prompt, **fields}
    )


def test_a_workflow_reserves_a_prompt_for_each_target_of_its_route(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    targets = [OfflineModel(), BedrockModel("amazon.nova-micro-v1:0")]
    models, (contract, (one,)) = chat_with(stack, archive, service, *targets), flows("one")
    WorkflowService(stack, contract, {one: question(models)})
    states = definitions(stack)["shop-flows-one"]["States"]
    reserved = states["reserve the budget"]["Arguments"]["Payload"]["input"]
    read = 512 + 16 + len("Yes? {text}") + 4 * 100
    assert reserved["tokens"] == 2 * (read + 9)
    assert reserved["nano_usd"] == (10 + 35) * read + (40 + 140) * 9
    inner = states["metered"]["Branches"][0]["States"]
    assert inner["ask"]["Arguments"]["Payload"]["charge"] == "{% $reserved.charge %}"


def test_a_workflow_reserves_the_judgements_of_a_guardrail_on_bedrock(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    rules = {"personal_data": {"PHONE": "MASK"}}
    guardrails = [Guardrail(**rules), Guardrail(**rules, backend="offline"), None]
    routes = [
        ModelRoute(f"route{number}", [OfflineModel()], guardrail=one) for number, one in enumerate(guardrails)
    ]
    models = ChatService(stack, chat, routes=routes, embeddings=service, archive=with_client(archive))
    meter = stack.meter
    assert isinstance(meter, Meter)
    bedrock, offline, plain = (
        meter.bounds("shop/flows", question(models, model=route.name))[0].nano_usd for route in routes
    )
    read = 512 + 16 + len("Yes? {text}") + 4 * 100
    assert bedrock - plain == ((read + 8 * 9) // 800 + 7) * 100_000
    assert offline == plain


def test_a_task_of_a_service_with_a_guardrail_on_bedrock_fails_the_synthesis(
    stack: AwsStack, archive: FakeArchive, meter: Meter
) -> None:
    rules = Guardrail(personal_data={"PHONE": "MASK"})
    service = AiService(stack, vision_like(per_call("image")), archive=archive, guardrail=rules)
    contract, (one,) = flows("one")
    assert refused(lambda: WorkflowService(stack, contract, {one: task(service) >> Succeed("done")})) == (
        InvalidArgumentError,
        (
            "shop/flows: a task invokes vision.text, whose guardrail on Bedrock has no upper bound; use the backend "
            "'offline' for the guardrail of the service"
        ),
    )


def test_a_workflow_reserves_the_budget_of_an_agent(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    models, (contract, (one, two)) = chat_with(stack, archive, service, OfflineModel()), flows("one", "two")

    def agent(steps: int) -> Agent:
        return Agent(
            "work",
            models,
            model="fast",
            instructions="Work.",
            task=Input("body"),
            max_steps=steps,
            budget_usd=0.25,
            max_tokens=9,
            result="work",
        )

    answers = {
        one: agent(1) >> Succeed("one", output=Variable("work")),
        two: agent(3) >> Succeed("two", output=Variable("work")),
    }
    WorkflowService(stack, contract, answers)
    found = definitions(stack)
    once, thrice = (
        found[f"shop-flows-{name}"]["States"]["reserve the budget"]["Arguments"]["Payload"]["input"]
        for name in ("one", "two")
    )
    assert once["nano_usd"] == thrice["nano_usd"] == 250_000_000
    assert thrice["tokens"] > 3 * once["tokens"]
    inner = found["shop-flows-one"]["States"]["metered"]["Branches"][0]["States"]["work"]["Branches"][0][
        "States"
    ]
    charge = inner["work: model"]["Arguments"]["Payload"]["charge"]
    assert charge == '{% $merge([$reserved.charge, {"agent": "work"}]) %}'


def test_a_task_that_sends_a_prompt_besides_its_own_work_reserves_both(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    def prompt(request: Mapping[str, Any], backend: str) -> PromptRequest | None:
        if request.get("ask") != "yes":
            return None
        return PromptRequest(model=f"fast-{backend}", template="Yes?", max_characters=0, max_tokens=9)

    reader = Contract("reader")
    operation = reader.post(
        "/read",
        AnyInput,
        None,
        name="reader",
        metered_by=per_call("page", nano_usd=7),
        prompt=prompt,
        summary="Read.",
    )
    function = AiService(stack, reader, archive=archive)

    def read(ask: str) -> LambdaTask:
        return LambdaTask("read", function, operation=operation, input={"ask": ask})

    meter = stack.meter
    assert isinstance(meter, Meter)
    assert meter.bounds("shop/flows", read("no"))[0] == Bound(nano_usd=7)
    # Without a ChatService, no prompt can be sent.
    assert meter.bounds("shop/flows", read("yes"))[0] == Bound(nano_usd=7)
    ChatService(
        stack,
        chat,
        routes=[ModelRoute("fast-local", [OfflineModel()])],
        embeddings=service,
        archive=with_client(archive),
    )
    read_tokens = 512 + 16 + 4
    assert meter.bounds("shop/flows", read("yes"))[0] == Bound(
        nano_usd=7 + 10 * read_tokens + 40 * 9, tokens=read_tokens + 9
    )


def test_a_prompt_to_a_model_without_a_route_fails_the_synthesis(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    models, (contract, (one,)) = chat_with(stack, archive, service, OfflineModel()), flows("one")
    event = {"operation": "chat.answer", "input": {**question(models).payload["input"], "model": "slow"}}
    assert refused(
        lambda: WorkflowService(
            stack, contract, {one: LambdaTask("ask", models, input=event, timeout_seconds=20)}
        )
    ) == (
        InvalidArgumentError,
        "shop/flows: a task sends a prompt to the model 'slow'; use fast or quick",
    )


def test_the_meter_comes_before_the_services(stack: AwsStack, archive: FakeArchive) -> None:
    AiService(stack, vision_like(), archive=archive)
    meter = Meter(stack, "meter", ledger, prices=Prices.from_file(), archive=archive)
    assert refused(lambda: stack.meter_with(meter)) == (
        ConflictError,
        "shop: shop/vision was created before, without a meter; call meter_with before the first service",
    )


def test_a_stack_has_one_meter(stack: AwsStack, meter: Meter) -> None:
    assert refused(lambda: stack.meter_with(meter)) == (
        ConflictError,
        "shop: has the meter shop/meter; call meter_with once",
    )
