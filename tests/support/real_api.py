"""A local cloud with the project's own handlers behind a REST API, in the test's process.

The handlers are the real ones; only the AI behind them is a fake that answers at once. API Gateway's own errors have the
form and the headers that the constructs give them.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from constructs_lib import Cors, GatewayResponses
from constructs_lib.metering.tenant_records import ACCESS, NewKey, TenantAccess
from constructs_lib.validation.model_schema import model_schema
from handlers.authorizer.app import Authorizer
from handlers.authorizer.records import TenantTable
from handlers.common.aws_api import AwsApi
from handlers.common.caller_hash import CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.functions import Functions
from handlers.common.service import Service
from handlers.embeddings import app as embeddings
from handlers.embeddings.backend import Embeddings
from handlers.embeddings.models import EmbeddingsRequest
from handlers.language import app as language
from handlers.language.models import Analysis, AnalysisRequest, DetectedLanguage, Sentiment, SentimentScores
from handlers.orchestrator import app as orchestrator
from handlers.orchestrator.catalogue import Catalogue
from handlers.vision import app as vision
from handlers.vision.backend import FoundLabel, FoundText, labels_response, text_response
from handlers.vision.images import Picture
from handlers.vision.models import LabelsResponse, TextResponse
from local_cloud.functions.result import InvocationResult
from tests.support.chat import chat_service
from tests.support.cloud_in_thread import (
    ACCOUNT,
    REGION,
    CloudInThread,
    DeployedApi,
    function_failure,
)
from tests.support.events import Context
from tests.support.zips import NO_CODE

SHOP = "https://shop.example"
TENANT_KEY = NewKey.for_tenant("acme")
CRASH = "crash-now"
ROUTES = {
    "/vision/text": "vision",
    "/vision/labels": "vision",
    "/language/analysis": "language",
    "/language/summary": "language",
    "/embeddings": "embeddings",
    "/embeddings/similarity": "embeddings",
}


class FakeLanguage:
    """Backend for English; a text can make it fail in the ways that a model can."""

    analysed_languages = frozenset({"en"})

    def detect(self, text: str, **_deadline: Deadline) -> list[DetectedLanguage]:
        if text.startswith(CRASH):
            raise MemoryError(text)
        return [DetectedLanguage(code="en", score=0.9)]

    def analyse(self, _text: str, _language: str, **_deadline: Deadline) -> Analysis:
        scores = SentimentScores(positive=1, negative=0, neutral=0)
        return Analysis(sentiment=Sentiment(label="POSITIVE", scores=scores), entities=[], key_phrases=[])


class FakeEmbeddings:
    def embed(self, texts: Sequence[str], *, normalize: bool, **_deadline: Deadline) -> Embeddings:
        if any(text.startswith(CRASH) for text in texts):
            raise KeyError(texts[0])
        return Embeddings(
            model="fake", normalized=normalize, vectors=[[1.0, 0.0] for _ in texts], tokens=2 * len(texts)
        )


class FakeVision:
    def read_text(self, picture: Picture, **_deadline: Deadline) -> TextResponse:
        line = FoundText("hello", 0.9, ((0, 0), (1, 0), (1, 1), (0, 1)))
        return text_response([line], picture=picture, model="fake")

    def find_labels(
        self, picture: Picture, *, max_labels: int, min_confidence: float, **_deadline: Deadline
    ) -> LabelsResponse:
        found = [FoundLabel("cat", 0.9, ())]
        return labels_response(
            found, picture=picture, max_labels=max_labels, min_confidence=min_confidence, model="fake"
        )


class InProcess(AwsApi):
    """In Lambda's place for the orchestrator: calls the services' handlers as the runtime would."""

    def __init__(self, services: dict[str, Service]) -> None:
        super().__init__("lambda")
        self._services = services

    def call(self, _operation: str, parameters: Any, **_options: Any) -> dict[str, Any]:
        key = parameters["FunctionName"].split(":")[-2]
        result = run_as_lambda(self._services[key].handler, json.loads(parameters["Payload"]))
        failed = {"FunctionError": "Unhandled"} if result.function_error else {}
        return {"Payload": result.payload, **failed}


def functions_with(api: object) -> Functions:
    """The functions that `language` may invoke: the chat function, behind an API of Lambda."""
    return Functions({"chat": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:chat:live"}, api=api)  # type: ignore[arg-type]


def functions_with_chat(model: object) -> Functions:
    """The same, with the chat function in this process and a model."""
    return functions_with(InProcess({"chat": chat_service(model)}))


def run_as_lambda(handler: Callable[[Any, Any], Any], event: Any) -> InvocationResult:
    """Return Lambda's answer for a handler: its result, or its exception by type and text."""
    try:
        answer = handler(event, Context())
        payload = json.dumps(answer).encode()
    except Exception as error:  # noqa: BLE001 - Lambda answers every exception of a handler
        return function_failure(type(error).__name__, str(error))
    return InvocationResult(payload, None, "$LATEST", "", 1.0)


def threaded(handler: Callable[[Any, Any], Any]) -> Callable[[Any], Awaitable[InvocationResult]]:
    """A handler as the fake functions call it: away from the server's loop, as in a process of its own."""
    return lambda event: asyncio.to_thread(run_as_lambda, handler, event)


@dataclass
class RealApi:
    """The deployed API.

    Attributes:
        api: How it is called.
        invoked: The ARNs of the functions that were run, in order.
        arns: The functions that there are.
        usage_key: The API key of the tenant, which the authorizer names.
    """

    api: DeployedApi
    invoked: list[str]
    arns: dict[str, str]
    usage_key: str = ""

    def add(self, path: str, method: str, function: str, **options: Any) -> None:
        """Make a method that invokes a function."""
        integration = self.api.proxy_integration(self.arns[function])
        self.api.method(path, method, integration=integration, **options)

    def call(self, method: str, path: str, **options: Any) -> http.client.HTTPResponse:
        return self.api.call(method, path, **options)

    def post(
        self, path: str, body: object, *, content_type: str | None = "application/json", **headers: str
    ) -> http.client.HTTPResponse:
        """Send a body, as it is or as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        types = {} if content_type is None else {"Content-Type": content_type}
        return self.api.call("POST", path, body=data, headers=types | headers)


def problem_of(answer: Any) -> dict[str, str]:
    """The error of an answer, which has to have the form of all errors, in no cache and readable by the page."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Origin"
    body: dict[str, str] = json.loads(answer.content)
    assert set(body) == {"code", "message", "requestId"}, body
    assert all(isinstance(value, str) and value for value in body.values())
    assert "Traceback" not in answer.content.decode()
    return body


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 6), "red").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudInThread]:
    running = CloudInThread(tmp_path_factory.mktemp("cloud"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def role_arn(cloud: CloudInThread) -> str:
    # moto's state is that of the whole process, so that names are made up anew for each cloud.
    name = f"faults-{uuid4()}"
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    return str(role["Role"]["Arn"])


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    apis = {
        "vision": vision.create_service(FakeVision),
        "language": language.create_service(FakeLanguage),
        "embeddings": embeddings.create_service(FakeEmbeddings),
    }
    arns = {name: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:live" for name in apis}
    functions = Functions(arns, api=InProcess(apis))
    catalogue = Catalogue([one.describe() for service in apis.values() for one in service.contract])
    return apis | {"orchestrator": orchestrator.create_service(lambda: catalogue, lambda: functions)}


@pytest.fixture(scope="module")
def usage_key() -> str:
    """The API key of the tenant in the usage plan."""
    return f"usage-{uuid4()}"


@pytest.fixture(scope="module")
def functions(
    cloud: CloudInThread, role_arn: str, services: dict[str, Service], usage_key: str
) -> dict[str, str]:
    """The ARNs of the functions by name."""
    api = AwsApi("dynamodb", make_client=lambda *_: cloud.client("dynamodb"))
    table = TenantTable(_tenants_table(cloud, usage_key), api=api)
    hmac_key = cloud.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    kms = AwsApi("kms", make_client=lambda *_: cloud.client("kms"))
    hashes = CallerHashes(hmac_key["KeyMetadata"]["KeyId"], api=kms)
    authorizer = Authorizer(lambda: table, lambda: hashes, lambda: None)
    handlers = {name: service.handler for name, service in services.items()}
    handlers |= {"authorizer": authorizer.handler, "crashing": _crash}
    handlers["orchestrator-authorized"] = _as_route(services["orchestrator"], "/ai-service")
    return {name: _function(cloud, role_arn, name, handler) for name, handler in handlers.items()}


@pytest.fixture(scope="module")
def real(cloud: CloudInThread, functions: dict[str, str], usage_key: str) -> RealApi:
    """The API without request models: every request reaches the handlers."""
    api = _new_api(cloud, functions, "open")
    for path, function in ROUTES.items():
        api.add(path, "POST", function)
    api.add("/ai-service", "ANY", "orchestrator")
    api.add("/health", "GET", "orchestrator")
    api.add("/behind/{proxy+}", "ANY", "orchestrator")
    api.add("/crashing", "ANY", "crashing")
    _add_authorizer(api)
    api.api.deploy()
    _plan(api.api, usage_key)
    api.usage_key = usage_key
    return api


@pytest.fixture(scope="module")
def checked(cloud: CloudInThread, functions: dict[str, str]) -> RealApi:
    """An API whose methods have the models of their requests."""
    api = _new_api(cloud, functions, "checked")
    aws, ids = api.api.aws, {"restApiId": api.api.api_id}
    validator = aws.create_request_validator(
        **ids, name="all", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    for path, model in (("/language/analysis", AnalysisRequest), ("/embeddings", EmbeddingsRequest)):
        name, schema = model.__name__, json.dumps(model_schema(model))
        aws.create_model(**ids, name=name, contentType="application/json", schema=schema)
        api.add(path, "POST", ROUTES[path], requestValidatorId=validator, requestModels={"$default": name})
    api.api.deploy()
    return api


@pytest.fixture(autouse=True)
def allowed_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", SHOP)


def give_error_form(api: DeployedApi) -> None:
    """Have API Gateway's own errors look as the constructs make them."""
    for one in GatewayResponses().definitions(Cors(origins=[SHOP])):
        status = {} if one.status_code is None else {"statusCode": str(one.status_code)}
        api.aws.put_gateway_response(
            restApiId=api.api_id,
            responseType=one.response_type,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in one.headers},
            responseTemplates={"application/json": one.template},
            **status,
        )


def _new_api(cloud: CloudInThread, arns: dict[str, str], name: str) -> RealApi:
    aws = cloud.client("apigateway")
    created = aws.create_rest_api(name=name, binaryMediaTypes=["image/*"], apiKeySource="AUTHORIZER")
    api = DeployedApi(cloud, created["id"], created["rootResourceId"], arns["orchestrator"])
    for arn in arns.values():
        cloud.client("lambda").add_permission(
            FunctionName=arn,
            StatementId=name,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{created['id']}/*",
        )
    give_error_form(api)
    return RealApi(api, cloud.functions.invoked, arns)


def _as_route(service: Service, resource: str) -> Callable[[Any, Any], Any]:
    """A service behind another route than its contract says."""
    return lambda event, context: service.handler({**event, "resource": resource}, context)


def _crash(event: Any, context: object) -> Any:
    raise RuntimeError(json.dumps(event))


def _tenants_table(cloud: CloudInThread, usage_key: str) -> str:
    tables, name = cloud.client("dynamodb"), f"tenants-{uuid4()}"
    keys = {"tenant": "HASH", "record": "RANGE"}
    tables.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    access = TenantAccess().to_item("acme", ACCESS, usage_key={"S": usage_key})
    for item in (access, TENANT_KEY.to_item("acme", created_at=0)):
        tables.put_item(TableName=name, Item=item)
    return name


def _add_authorizer(api: RealApi) -> None:
    authorizer = api.api.aws.create_authorizer(
        restApiId=api.api.api_id,
        name="bearer",
        type="REQUEST",
        authorizerUri=api.api.proxy_integration(api.arns["authorizer"])["uri"],
        identitySource="method.request.header.Authorization",
        authorizerResultTtlInSeconds=0,
    )["id"]
    api.add(
        "/authorized/ai-service",
        "POST",
        "orchestrator-authorized",
        authorizationType="CUSTOM",
        authorizerId=authorizer,
        apiKeyRequired=True,
    )


def _plan(api: DeployedApi, usage_key: str) -> None:
    aws = api.aws
    key = aws.create_api_key(name="acme", value=usage_key, enabled=True)
    stages = [{"apiId": api.api_id, "stage": api.stage}]
    plan = aws.create_usage_plan(name="tenants", apiStages=stages, quota={"limit": 1000, "period": "DAY"})
    aws.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")


def _function(cloud: CloudInThread, role_arn: str, name: str, handler: Callable[[Any, Any], Any]) -> str:
    unique = f"{name}-{uuid4()}"
    cloud.functions.handlers[unique] = threaded(handler)
    return str(
        cloud.client("lambda").create_function(
            FunctionName=unique,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role_arn,
            Code={"ZipFile": NO_CODE},
        )["FunctionArn"]
    )
