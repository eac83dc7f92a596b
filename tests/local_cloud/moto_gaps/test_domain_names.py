"""Custom domain names and their certificates: each patch of moto does what it is for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloud_in_thread import CloudInThread

OLD, NEW = (f"arn:aws:acm:us-east-1:123456789012:certificate/{name}" for name in ("old", "new"))


@pytest.fixture
def gateway(cloud: CloudInThread) -> Any:
    return cloud.client("apigateway")


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_domain_name_is_changed(gateway: Any) -> None:
    gateway.create_domain_name(
        domainName="change.example",
        regionalCertificateArn=OLD,
        securityPolicy="TLS_1_2",
        endpointConfiguration={"types": ["EDGE"]},
    )
    updated = gateway.update_domain_name(
        domainName="change.example",
        patchOperations=[
            {"op": "replace", "path": "/regionalCertificateArn", "value": NEW},
            {"op": "replace", "path": "/endpointConfiguration/types/0", "value": "REGIONAL"},
        ],
    )
    expected: dict[str, Any] = {"regionalCertificateArn": NEW, "securityPolicy": "TLS_1_2"}
    expected["endpointConfiguration"] = {"types": ["REGIONAL"]}
    assert {key: updated[key] for key in expected} == expected
    with pytest.raises(ClientError) as caught:
        gateway.update_domain_name(
            domainName="change.example", patchOperations=[{"op": "replace", "path": "/other", "value": "x"}]
        )
    assert code_of(caught) == "BadRequestException"


def test_a_domain_name_is_made_once_and_takes_its_mappings_along(gateway: Any) -> None:
    api = gateway.create_rest_api(name="mapped")["id"]
    gateway.create_domain_name(domainName="again.example")
    with pytest.raises(ClientError) as caught:
        gateway.create_domain_name(domainName="again.example")
    assert code_of(caught) == "ConflictException"
    gateway.create_base_path_mapping(domainName="again.example", restApiId=api, basePath="v1")
    gateway.delete_domain_name(domainName="again.example")
    gateway.create_domain_name(domainName="again.example")
    gateway.create_base_path_mapping(domainName="again.example", restApiId=api, basePath="v1")


def test_a_wildcard_name_is_found(gateway: Any) -> None:
    gateway.create_domain_name(domainName="*.stars.example")
    assert gateway.get_domain_name(domainName="*.stars.example")["domainName"] == "*.stars.example"
    gateway.delete_domain_name(domainName="*.stars.example")
    with pytest.raises(ClientError) as caught:
        gateway.get_domain_name(domainName="*.stars.example")
    assert code_of(caught) == "NotFoundException"


def test_mutual_tls_is_refused(gateway: Any) -> None:
    with pytest.raises(ClientError) as caught:
        gateway.create_domain_name(
            domainName="mutual.example", mutualTlsAuthentication={"truststoreUri": "s3://b/k"}
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "mutual TLS of a custom domain name" in caught.value.response["Error"]["Message"]


def test_a_certificate_is_issued_once_its_records_exist(cloud: CloudInThread) -> None:
    certificates, dns = cloud.client("acm"), cloud.client("route53")
    arn = certificates.request_certificate(
        DomainName="proven.example", SubjectAlternativeNames=["www.proven.example"], ValidationMethod="DNS"
    )["CertificateArn"]
    zone = dns.create_hosted_zone(Name="proven.example", CallerReference="1")["HostedZone"]["Id"]

    def described() -> dict[str, Any]:
        return dict(certificates.describe_certificate(CertificateArn=arn)["Certificate"])

    options = described()["DomainValidationOptions"]
    for position, option in enumerate(options):
        assert described()["Status"] == "PENDING_VALIDATION", position
        record = option["ResourceRecord"]
        change = {
            "Name": record["Name"],
            "Type": record["Type"],
            "TTL": 60,
            "ResourceRecords": [{"Value": record["Value"]}],
        }
        dns.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": change}]},
        )
    assert (len(options), described()["Status"]) == (2, "ISSUED")
