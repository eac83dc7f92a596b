"""Custom domain names: the Host header and the base path say which API answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.cloud_in_thread import CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]

SEEN = ("path", "resource", "pathParameters")


def seen(event: Any) -> dict[str, Any]:
    context = event["requestContext"]
    content = {name: event[name] for name in SEEN} | {
        "contextPath": context["path"],
        "domainName": context["domainName"],
        "domainPrefix": context["domainPrefix"],
        "host": event["headers"]["Host"],
    }
    return {"statusCode": 200, "body": json.dumps(content)}


@pytest.fixture
def domain(cloud: CloudInThread) -> Iterator[str]:
    gateway = cloud.client("apigateway")
    gateway.create_domain_name(
        domainName="api.example.com",
        regionalCertificateArn="arn:aws:acm:us-east-1:123456789012:certificate/c",
        endpointConfiguration={"types": ["REGIONAL"]},
        securityPolicy="TLS_1_2",
    )
    yield "api.example.com"
    gateway.delete_domain_name(domainName="api.example.com")


@pytest.fixture
def api(make_api: MakeApi) -> DeployedApi:
    api = make_api(seen)
    api.method("/things/{id}", "GET")
    api.deploy()
    return api


def get(cloud: CloudInThread, host: str, path: str) -> Any:
    return cloud.request("GET", path, headers={"Host": host})


def map_path(cloud: CloudInThread, domain: str, api: DeployedApi, **options: str) -> None:
    cloud.client("apigateway").create_base_path_mapping(domainName=domain, restApiId=api.api_id, **options)


def test_a_base_path_is_part_of_what_the_function_sees(
    cloud: CloudInThread, domain: str, api: DeployedApi
) -> None:
    map_path(cloud, domain, api, basePath="v1", stage="stage")
    response = get(cloud, "API.example.com:4566", "/v1/things/a%2Fb")
    assert (response.status, json.loads(response.content)) == (
        200,
        {
            "path": "/v1/things/a%2Fb",
            "resource": "/things/{id}",
            "pathParameters": {"id": "a%2Fb"},
            "contextPath": "/v1/things/a%2Fb",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "host": "api.example.com",
        },
    )


def test_the_longest_base_path_wins_and_the_root_takes_the_rest(
    cloud: CloudInThread, domain: str, api: DeployedApi, make_api: MakeApi
) -> None:
    other = make_api(lambda _event: {"statusCode": 200, "body": "other"})
    other.method("/{proxy+}")
    other.deploy()
    map_path(cloud, domain, other, stage="stage")
    map_path(cloud, domain, api, basePath="v1", stage="stage")
    assert json.loads(get(cloud, domain, "/v1/things/1").content)["path"] == "/v1/things/1"
    assert get(cloud, domain, "/v10/things/1").content == b"other"
    assert get(cloud, domain, "/things/1").content == b"other"


def test_a_mapping_without_a_stage_takes_it_from_the_path(
    cloud: CloudInThread, domain: str, api: DeployedApi
) -> None:
    map_path(cloud, domain, api, basePath="all")
    assert json.loads(get(cloud, domain, "/all/stage/things/1").content)["path"] == "/all/stage/things/1"
    assert get(cloud, domain, "/all/none/things/1").status == 403


def test_a_path_that_no_mapping_matches(cloud: CloudInThread, domain: str, api: DeployedApi) -> None:
    map_path(cloud, domain, api, basePath="v1", stage="stage")
    response = get(cloud, domain, "/v2/things/1")
    assert (response.status, response.content) == (403, b'{"message":"Forbidden"}')
    assert response.getheader("x-amzn-RequestId")


def test_the_default_endpoint_can_be_closed_and_the_domain_stays_open(
    cloud: CloudInThread, domain: str, make_api: MakeApi
) -> None:
    api = make_api(seen, disableExecuteApiEndpoint=True)
    api.method("/things/{id}", "GET")
    api.deploy()
    map_path(cloud, domain, api, stage="stage")
    closed: Any = api.call("GET", "/things/1")
    assert (closed.status, closed.content) == (403, b'{"message":"Forbidden"}')
    assert get(cloud, domain, "/things/1").status == 200


def test_a_wildcard_name_answers_for_its_children(cloud: CloudInThread, api: DeployedApi) -> None:
    gateway = cloud.client("apigateway")
    gateway.create_domain_name(domainName="*.wild.example")
    map_path(cloud, "*.wild.example", api, stage="stage")
    assert get(cloud, "a.wild.example", "/things/1").status == 200
    assert get(cloud, "a.b.wild.example", "/things/1").status == 403
    gateway.delete_domain_name(domainName="*.wild.example")


def test_a_name_that_nobody_has_is_no_way_in(cloud: CloudInThread, domain: str) -> None:
    for path in ("/", "/_local_cloud/health"):
        response = get(cloud, f"evil.{domain}", path)
        assert b"Forbidden" not in response.content
    refused = get(cloud, f"evil.{domain}", "/")
    assert (refused.status, json.loads(refused.content)["message"]) == (
        403,
        "the AWS APIs of the local cloud do not answer under the host name evil.api.example.com",
    )
