"""ChatService and its routes: the rights follow from the routes, and the function reads what the construct writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cdktf import App

from constructs_lib import (
    AiService,
    AwsStack,
    BedrockModel,
    ChatService,
    Guardrail,
    ModelRoute,
    OfflineModel,
    OpenAiModel,
)
from constructs_lib.patterns.guardrail import OFFLINE_PERSONAL_DATA
from handlers.chat.backends import Backends
from handlers.chat.circuits import Circuits
from handlers.chat.contract import EMBEDDINGS_MODEL
from handlers.chat.routes import Routes
from handlers.common.bedrock_judge import BedrockJudge
from handlers.common.contract import Contract
from handlers.common.offline_judge import OfflineJudge
from tests.support.contracts import Greeting, greeting
from tests.support.streaming import with_client
from tests.support.synthesis import Configuration, FakeArchive, refused, statements

NOVA = BedrockModel("amazon.nova-lite-v1:0")
KEYED = OpenAiModel(model="qwen3", base_url="https://models.example/v1", secret="models-key")


def chat() -> Contract:
    contract = Contract("chat")
    contract.post("/chat", Greeting, Greeting, summary="Answer.", event_model=Greeting)
    return contract


def service_with(app: App, archive: FakeArchive, *routes: ModelRoute) -> tuple[AwsStack, ChatService]:
    stack = AwsStack(app, "shop", region="us-east-1")
    with_client(archive)
    embeddings = AiService(stack, greeting(), archive=archive)
    service = ChatService(stack, chat(), routes=routes, embeddings=embeddings, archive=archive)
    return stack, service


def policies(stack: AwsStack, function: str = "chat") -> dict[str, list[dict[str, Any]]]:
    """The statements of a function's policies, by their names."""
    found = Configuration(stack).all("iam_role_policy")
    return {
        body["name"]: statements(body["policy"])
        for name, body in found.items()
        if name.partition(".")[2].startswith(f"{function}_role")
    }


def variables(stack: AwsStack) -> dict[str, str]:
    functions = Configuration(stack).all("lambda_function").values()
    found: dict[str, str] = next(
        one["environment"]["variables"] for one in functions if one["function_name"] == "shop-chat"
    )
    return found


def test_the_role_may_invoke_exactly_the_models_of_the_routes(app: App, archive: FakeArchive) -> None:
    micro = BedrockModel("amazon.nova-micro-v1:0")
    stack, service = service_with(
        app, archive, ModelRoute("fast", [NOVA, micro]), ModelRoute("other", [KEYED, NOVA])
    )
    models = "arn:aws:bedrock:us-east-1::foundation-model"
    invoke, read = policies(stack)["models"]
    assert invoke == {
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel"],
        "Resource": [f"{models}/amazon.nova-lite-v1:0", f"{models}/amazon.nova-micro-v1:0"],
    }
    streamed = policies(stack, "chat_stream")["models"]
    assert streamed == [
        {**invoke, "Action": [*invoke["Action"], "bedrock:InvokeModelWithResponseStream"]},
        read,
    ]
    assert "table-shop-chat-circuits" in policies(stack, "chat_stream")
    # Embeddings are not streamed.
    assert "invoke-shop-greeting" in policies(stack)
    assert "invoke-shop-greeting" not in policies(stack, "chat_stream")
    assert read["Action"] == ["secretsmanager:GetSecretValue"]
    (secret,) = read["Resource"]
    assert secret.startswith("arn:aws:secretsmanager:us-east-1:")
    assert secret.endswith(":secret:models-key-??????")
    assert list(service.paid_calls) == [
        "shop-bedrock-amazon.nova-lite-v1:0",
        "shop-bedrock-amazon.nova-micro-v1:0",
    ]


def test_an_inference_profile_may_invoke_its_model_in_any_region_and_only_through_it(
    app: App, archive: FakeArchive
) -> None:
    profile = BedrockModel("us.amazon.nova-lite-v1:0")
    stack, service = service_with(app, archive, ModelRoute("fast", [profile, NOVA]))
    invoke, through_profile = policies(stack)["models"]
    arn, direct = invoke["Resource"]
    assert arn.startswith("arn:aws:bedrock:us-east-1:")
    assert arn.endswith(":inference-profile/us.amazon.nova-lite-v1:0")
    assert direct == "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    assert through_profile == {
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel"],
        "Resource": ["arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0"],
        "Condition": {"StringLike": {"bedrock:InferenceProfileArn": arn}},
    }
    assert next(iter(service.paid_calls)) == "shop-bedrock-us.amazon.nova-lite-v1:0"


def test_an_offline_route_needs_no_right_and_no_table(app: App, archive: FakeArchive) -> None:
    stack, service = service_with(app, archive, ModelRoute("fast", [OfflineModel()]))
    assert "models" not in policies(stack)
    assert "CIRCUIT_TABLE" not in variables(stack)
    assert Configuration(stack).all("dynamodb_table") == {}
    assert service.paid_calls == {}


def test_the_function_reads_what_the_construct_writes(
    app: App, archive: FakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = ModelRoute("fast", [KEYED, NOVA, OfflineModel()], aliases=["gpt-4o-mini"], failures=5)
    stack, _ = service_with(app, archive, route)
    written = variables(stack)
    assert "models-key" in written["MODEL_ROUTES"]
    for name in ("MODEL_ROUTES", "CIRCUIT_TABLE"):
        monkeypatch.setenv(name, written[name])
    read = Routes.from_environment().route("gpt-4o-mini")
    assert (read.name, read.failures, read.cooldown_seconds, read.timeout_seconds) == ("fast", 5, 30, 12)
    assert [target.name for target in read.targets] == [
        "openai:qwen3",
        "bedrock:amazon.nova-lite-v1:0",
        "offline:smollm2-135m-instruct",
    ]
    assert all(Backends()(target) for target in read.targets)
    (table,) = Configuration(stack).all("dynamodb_table").values()
    assert (table["name"], table["hash_key"]) == (written["CIRCUIT_TABLE"], "circuit")
    assert Circuits.from_environment(lambda *_: None)


def test_a_route_has_its_guardrail_on_bedrock_and_the_right_to_apply_it(
    app: App, archive: FakeArchive
) -> None:
    rules = Guardrail(personal_data={"PHONE": "MASK"}, prompt_attacks=True)
    routes = [
        ModelRoute("fast", [NOVA], guardrail=rules),
        ModelRoute(
            "gpt-4.1", [KEYED], guardrail=Guardrail(personal_data={"PHONE": "MASK"}, prompt_attacks=True)
        ),
        ModelRoute("plain", [NOVA]),
    ]
    stack, service = service_with(app, archive, *routes)
    assert list(service.paid_calls) == ["shop-bedrock-amazon.nova-lite-v1:0", "shop-bedrock-guardrails"]
    configuration = Configuration(stack)
    ((address, _),) = configuration.all("bedrock_guardrail").items()
    ((version, _),) = configuration.all("bedrock_guardrail_version").items()
    for function in ("chat", "chat_stream"):
        assert policies(stack, function)["guardrail-shop-chat-guardrail-fast"] == [
            {
                "Effect": "Allow",
                "Action": ["bedrock:ApplyGuardrail"],
                "Resource": [f"${{{address}.guardrail_arn}}"],
            }
        ]
    fast, other, plain = json.loads(variables(stack)["MODEL_ROUTES"])
    assert fast["guardrail"] == other["guardrail"]
    assert fast["guardrail"] == {
        "backend": "bedrock",
        "id": f"${{{address}.guardrail_id}}",
        "version": f"${{{version}.version}}",
        "units": {"guardrail_content_unit": 1, "guardrail_personal_data_unit": 1},
        "step": 800,
        "overlap": 100,
    }
    assert plain["guardrail"] is None


def test_the_function_reads_the_guardrails_that_the_construct_writes(
    app: App, archive: FakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = Guardrail(
        personal_data=dict.fromkeys(OFFLINE_PERSONAL_DATA, "MASK"), words=["x"], backend="offline"
    )
    bedrock = Guardrail(topics={"Investing": "Advice on what to buy."}, window=2_000)
    routes = [
        ModelRoute("fast", [NOVA], guardrail=offline),
        ModelRoute("slow", [NOVA], guardrail=bedrock),
        ModelRoute("plain", [NOVA]),
    ]
    stack, _ = service_with(app, archive, *routes)
    assert len(Configuration(stack).all("bedrock_guardrail")) == 1
    monkeypatch.setenv("MODEL_ROUTES", variables(stack)["MODEL_ROUTES"])
    read = {route.name: route.guardrail for route in Routes.from_environment()}
    assert read["fast"] is not None
    assert read["slow"] is not None
    assert read["plain"] is None
    assert isinstance(read["fast"].judge, OfflineJudge)
    assert isinstance(read["slow"].judge, BedrockJudge)
    assert (read["fast"].step, read["slow"].step) == (100, 1_900)
    assert (read["fast"].units, read["slow"].units) == ({}, {"guardrail_topic_unit": 3})


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([], "shop/chat: routes is empty; pass at least one ModelRoute"),
        (
            [ModelRoute("fast", [NOVA]), ModelRoute("slow", [NOVA], aliases=["fast"])],
            "shop/chat: 'fast' is the name of two routes; use another name or alias",
        ),
        (
            [ModelRoute(EMBEDDINGS_MODEL, [NOVA])],
            "shop/chat: 'embeddings' belongs to the embeddings; use another name or alias",
        ),
    ],
)
def test_routes_that_cannot_be(
    app: App, archive: FakeArchive, routes: list[ModelRoute], message: str
) -> None:
    assert refused(lambda: service_with(app, archive, *routes))[1] == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: BedrockModel("nova"),
            "BedrockModel: model 'nova' is not valid; use a model id such as 'amazon.nova-lite-v1:0'",
        ),
        (
            lambda: OpenAiModel(model="x", base_url="http://models.example/v1"),
            "OpenAiModel: base_url 'http://models.example/v1' is not https; use https, or http on 127.0.0.1",
        ),
        (
            lambda: OpenAiModel(model="x", base_url="https://key@models.example/v1"),
            (
                "OpenAiModel: base_url has more than a host, a port and a path; pass the API key as secret=…, the name of "
                "a secret"
            ),
        ),
        (
            lambda: OpenAiModel(
                model="x",
                base_url="https://models.example/v1",
                secret="arn:aws:secretsmanager:us-east-1:123456789012:secret:a",
            ),
            (
                "OpenAiModel: secret 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a' is not valid; use the name "
                "of the secret, not its ARN"
            ),
        ),
        (
            lambda: ModelRoute("Fast", [NOVA]),
            "ModelRoute 'Fast': name 'Fast' is not valid; use 1 to 64 lower-case letters, digits and '._-'",
        ),
        (
            lambda: ModelRoute("fast", []),
            (
                "ModelRoute 'fast': targets is not a list of 1 to 8 models; pass OfflineModel(), OpenAiModel(…) or "
                "BedrockModel(…)"
            ),
        ),
        (
            lambda: ModelRoute("fast", [NOVA, NOVA]),
            "ModelRoute 'fast': targets has a model twice; remove one of the two",
        ),
    ],
)
def test_targets_and_routes_that_are_not_valid(make: Any, message: str) -> None:
    assert refused(make)[1] == message
