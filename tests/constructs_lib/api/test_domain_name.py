"""DomainName: the certificate, the records, the mapping, and the way past it."""

from __future__ import annotations

from typing import Any

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    ConflictError,
    ConstructError,
    Deployment,
    DomainName,
    ExistingApiGatewayAccount,
    Function,
    InvalidArgumentError,
    MutualTls,
    RestApi,
    Stage,
)
from tests.support.synthesis import Configuration, FakeArchive, children, public_method, refused

ZONE = "Z0123456789ABCDEFGHIJ"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


@pytest.fixture
def stage(stack: AwsStack, api: RestApi, function: Function) -> Stage:
    public_method(api, function)
    return make_stage(stack, api)


def make_stage(stack: AwsStack, api: RestApi, name: str = "prod") -> Stage:
    return Stage(
        stack,
        f"stage-{name}",
        deployment=Deployment(stack, f"deployment-{name}", api=api),
        stage_name=name,
        account=ExistingApiGatewayAccount(),
    )


def test_a_certificate_is_made_and_validated(stack: AwsStack, stage: Stage) -> None:
    domain = DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    configuration = Configuration(stack)
    certificate = configuration.address("acm_certificate")
    (record,) = (one for one in configuration.all("route53_record") if "validation" in one)
    option = f"one({certificate}.domain_validation_options)"
    assert configuration.only("acm_certificate") == {
        "domain_name": "api.shop.example",
        "lifecycle": {"create_before_destroy": True},
        "validation_method": "DNS",
    }
    assert configuration.all("route53_record")[record] == {
        "allow_overwrite": True,
        "name": f"${{{option}.resource_record_name}}",
        "records": [f"${{{option}.resource_record_value}}"],
        "ttl": 60,
        "type": f"${{{option}.resource_record_type}}",
        "zone_id": ZONE,
    }
    assert configuration.only("acm_certificate_validation") == {
        "certificate_arn": f"${{{certificate}.arn}}",
        "validation_record_fqdns": [f"${{{record}.fqdn}}"],
    }
    assert configuration.only("api_gateway_domain_name") == {
        "domain_name": "api.shop.example",
        "endpoint_configuration": {"types": ["REGIONAL"]},
        "regional_certificate_arn": f"${{{configuration.address('acm_certificate_validation')}.certificate_arn}}",
        "security_policy": "TLS_1_2",
    }
    assert domain.domain_name == "api.shop.example"
    assert "private_key" not in configuration.text


def test_both_records_lead_to_the_domain(stack: AwsStack, stage: Stage) -> None:
    DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    configuration = Configuration(stack)
    domain = configuration.address("api_gateway_domain_name")
    records = {one["type"]: one for one in configuration.all("route53_record").values() if "alias" in one}
    assert records.keys() == {"A", "AAAA"}
    for record in records.values():
        assert (record["name"], record["zone_id"]) == ("api.shop.example", ZONE)
        assert record["alias"] == {
            "evaluate_target_health": False,
            "name": f"${{{domain}.regional_domain_name}}",
            "zone_id": f"${{{domain}.regional_zone_id}}",
        }


def test_a_certificate_of_ones_own_and_records_made_elsewhere(stack: AwsStack, stage: Stage) -> None:
    domain = DomainName(
        stack, "domain", domain_name="api.shop.example", stage=stage, certificate_arn=CERTIFICATE
    )
    TerraformOutput(stack, "target", value=domain.regional_domain_name)
    configuration = Configuration(stack)
    assert configuration.only("api_gateway_domain_name")["regional_certificate_arn"] == CERTIFICATE
    assert not {"acm_certificate", "acm_certificate_validation", "route53_record"} & configuration.types()
    address = configuration.address("api_gateway_domain_name")
    assert configuration.json["output"]["target"]["value"] == f"${{{address}.regional_domain_name}}"


def test_the_way_past_the_domain_is_closed(stack: AwsStack, api: RestApi, stage: Stage) -> None:
    before = stage.deployment.digest
    DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    TerraformOutput(stack, "invoke_url", value=stage.invoke_url)
    configuration = Configuration(stack)
    assert configuration.only("api_gateway_rest_api")["disable_execute_api_endpoint"] is True
    assert configuration.json["output"]["invoke_url"]["value"] == "https://api.shop.example"
    # API Gateway closes it with the next deployment only.
    assert configuration.only("api_gateway_deployment")["triggers"]["redeployment"] != before
    assert api.definition.endpoint_closed


def test_an_api_without_a_domain_stays_as_it_was(stack: AwsStack, stage: Stage) -> None:
    configuration = Configuration(stack)
    assert "disable_execute_api_endpoint" not in configuration.only("api_gateway_rest_api")
    assert "endpoint_closed" not in stage.deployment.api.definition.canonical_json()


def test_stages_share_a_domain_by_base_path(stack: AwsStack, api: RestApi, stage: Stage) -> None:
    test = make_stage(stack, api, "test")
    domain = DomainName(
        stack, "domain", domain_name="api.shop.example", stage=stage, base_path="v1", hosted_zone_id=ZONE
    )
    domain.add_stage(test, base_path="v2")
    configuration = Configuration(stack)
    address = configuration.address("api_gateway_domain_name")
    rest_api = configuration.address("api_gateway_rest_api")
    stages = {body["stage_name"]: one for one, body in configuration.all("api_gateway_stage").items()}
    assert sorted(
        configuration.all("api_gateway_base_path_mapping").values(), key=lambda one: str(one["base_path"])
    ) == [
        {
            "api_id": f"${{{rest_api}.id}}",
            "base_path": path,
            "domain_name": f"${{{address}.domain_name}}",
            "stage_name": f"${{{stages[name]}.stage_name}}",
        }
        for path, name in (("v1", "prod"), ("v2", "test"))
    ]
    stack.output(prod=stage.invoke_url, test=test.invoke_url)
    output = Configuration(stack).json["output"]
    assert output["prod"]["value"] == "https://api.shop.example/v1"
    assert output["test"]["value"] == "https://api.shop.example/v2"


def test_a_domain_without_a_base_path_has_no_empty_one(stack: AwsStack, stage: Stage) -> None:
    DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    assert "base_path" not in Configuration(stack).only("api_gateway_base_path_mapping")


def test_clients_may_have_to_show_a_certificate(stack: AwsStack, stage: Stage) -> None:
    DomainName(
        stack,
        "domain",
        domain_name="api.shop.example",
        stage=stage,
        certificate_arn=CERTIFICATE,
        mutual_tls=MutualTls(truststore_uri="s3://shop-trust/clients.pem", truststore_version="3"),
    )
    assert Configuration(stack).only("api_gateway_domain_name")["mutual_tls_authentication"] == {
        "truststore_uri": "s3://shop-trust/clients.pem",
        "truststore_version": "3",
    }


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (
            {"domain_name": "API.shop.example"},
            InvalidArgumentError,
            "domain_name 'API.shop.example' is not valid; use a host name in lower case, such as 'api.shop.example'",
        ),
        (
            {"domain_name": "https://shop.example"},
            InvalidArgumentError,
            (
                "domain_name 'https://shop.example' is not valid; use a host name in lower case, such as "
                "'api.shop.example'"
            ),
        ),
        (
            {"hosted_zone_id": None},
            InvalidArgumentError,
            (
                "has neither a certificate nor a zone to validate one in; pass hosted_zone_id, or "
                "certificate_arn of a certificate in ACM"
            ),
        ),
        (
            {"hosted_zone_id": "shop.example"},
            InvalidArgumentError,
            "hosted_zone_id 'shop.example' is not valid; use the zone's id, which starts with 'Z'",
        ),
        (
            {"certificate_arn": "arn:aws:iam::123456789012:server-certificate/shop"},
            InvalidArgumentError,
            (
                "certificate_arn 'arn:aws:iam::123456789012:server-certificate/shop' is not the ARN of a certificate in ACM; pass "
                "'arn:aws:acm:REGION:ACCOUNT:certificate/ID'"
            ),
        ),
        (
            {"certificate_arn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            ConflictError,
            "its certificate is in eu-west-1 and the stack in us-east-1; make or import one in the stack's region",
        ),
        (
            {"base_path": "/v1"},
            InvalidArgumentError,
            "base_path '/v1' is not valid; use one part without '/', such as 'v1': API Gateway maps no more of a REST API's path",
        ),
    ],
)
def test_domains_that_are_refused(
    stack: AwsStack, stage: Stage, arguments: dict[str, Any], kind: type[ConstructError], problem: str
) -> None:
    before = children(stack)
    given = {"domain_name": "api.shop.example", "stage": stage, "hosted_zone_id": ZONE, **arguments}
    assert refused(lambda: DomainName(stack, "domain", **given)) == (kind, f"shop/domain: {problem}")
    assert children(stack) == before


def test_a_domain_is_the_address_of_a_stage_whose_address_was_read_before(
    stack: AwsStack, stage: Stage
) -> None:
    stack.output(invoke_url=stage.invoke_url)
    DomainName(stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    assert Configuration(stack).json["output"]["invoke_url"]["value"] == "https://api.shop.example"


def test_a_host_name_and_a_base_path_are_taken_once(stack: AwsStack, api: RestApi, stage: Stage) -> None:
    domain = DomainName(
        stack, "domain", domain_name="api.shop.example", stage=stage, base_path="v1", hosted_zone_id=ZONE
    )
    test = make_stage(stack, api, "test")
    assert refused(
        lambda: DomainName(stack, "more", domain_name="api.shop.example", stage=test, hosted_zone_id=ZONE)
    ) == (
        ConflictError,
        "shop/more: domain_name 'api.shop.example' is taken by shop/domain; choose another name",
    )
    assert refused(lambda: domain.add_stage(test, base_path="v1")) == (
        ConflictError,
        "shop/domain: base_path 'v1' is taken; choose another one",
    )
    assert refused(lambda: domain.add_stage(test, base_path="")) == (
        ConflictError,
        "shop/domain: has a stage without a base path, which excludes other stages; give each of its stages a base_path",
    )


def test_a_zone_has_one_record_of_a_host_name(app: App, stage: Stage, archive: FakeArchive) -> None:
    def domain(stage: Stage, zone: str | None) -> DomainName:
        region = AwsStack.of(stage).region
        return DomainName(
            AwsStack.of(stage),
            "domain",
            domain_name="api.shop.example",
            stage=stage,
            hosted_zone_id=zone,
            certificate_arn=CERTIFICATE.replace("us-east-1", region),
        )

    europe = AwsStack(app, "europe", region="eu-central-1")
    api = RestApi(europe, "api", name="shop")
    public_method(api, Function(europe, "chat", archive=archive))
    other = make_stage(europe, api)
    domain(stage, ZONE)
    assert refused(lambda: domain(other, ZONE)) == (
        ConflictError,
        (
            f"europe/domain: DNS record of zone {ZONE} 'api.shop.example' is taken by shop/domain; leave hosted_zone_id "
            "out of one, and create records with a routing policy for both, or pass each stack its allowed_account_ids "
            "if they are deployed to different AWS accounts"
        ),
    )


def test_a_stage_of_another_stack_is_refused(app: App, stage: Stage) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    assert refused(
        lambda: DomainName(other, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id=ZONE)
    ) == (
        ConflictError,
        "other/domain: is in stack 'other' and shop/stage-prod in stack 'shop'; create both in the same stack",
    )


def test_a_truststore_is_in_s3() -> None:
    assert refused(lambda: MutualTls(truststore_uri="clients.pem")) == (
        InvalidArgumentError,
        "MutualTls: truststore_uri 'clients.pem' is not valid; write it as 's3://BUCKET/KEY'",
    )
