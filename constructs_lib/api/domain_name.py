"""Custom domain for stages; disables the API's AWS host name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cdktf_cdktf_provider_aws.api_gateway_base_path_mapping import ApiGatewayBasePathMapping
from cdktf_cdktf_provider_aws.api_gateway_domain_name import (
    ApiGatewayDomainName,
    ApiGatewayDomainNameEndpointConfiguration,
    ApiGatewayDomainNameMutualTlsAuthentication,
)
from constructs import Construct

from constructs_lib.api.stage import Stage
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_known, check_pattern, check_type, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.references import address, attribute
from constructs_lib.stacks import check_same_stack
from constructs_lib.templates import has_reference

SECURITY_POLICY: Final = "TLS_1_2"
"""TLS policy: 1.2 and 1.3. Newer policies need an argument that provider 6.25 does not have."""

_HOST_NAME: Final = r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
_CERTIFICATE: Final = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+")
_BASE_PATH: Final = r"[A-Za-z0-9$_.+!*'()-]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualTls:
    """Mutual TLS: clients must present a certificate.

    Attributes:
        truststore_uri: URI of the file in S3 with the certificate authorities of the clients, as
            `s3://BUCKET/KEY`.
        truststore_version: Version of that file. Default: the newest one when the domain is created; API
            Gateway does not load newer ones by itself.

    Raises:
        InvalidArgumentError: if the URI is not of that form.

    Example:
        >>> MutualTls(truststore_uri="s3://shop-trust/clients.pem").truststore_version is None
        True
    """

    truststore_uri: str
    truststore_version: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.truststore_uri, str) and has_reference(self.truststore_uri):
            return
        check_pattern(
            "MutualTls",
            "truststore_uri",
            self.truststore_uri,
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+",
            "write it as 's3://BUCKET/KEY'",
        )


class DomainName(AwsConstruct):
    """A custom domain for a stage (`aws_api_gateway_domain_name`), in the region, with TLS 1.2 or newer.

    It disables the API's AWS host name (`RestApi.close_execute_api_endpoint`), which would bypass the domain,
    its mutual TLS and any proxy in front of it. The stage's `invoke_url` becomes the URL at the domain.

    With `hosted_zone_id`, Route 53 gets an A and an AAAA record. Without `certificate_arn`, ACM issues a
    certificate and validates it by a record in that zone. That takes some minutes; the first domain up to
    forty.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        domain_name: Host name, such as `api.shop.example`.
        stage: Stage to serve.
        base_path: First part of the path of its URLs. Default: none; the domain serves this stage only.
        hosted_zone_id: Id of the Route 53 zone of the domain. Default: none; create DNS records elsewhere,
            with `regional_domain_name` as their target.
        certificate_arn: ARN of a certificate for the host name in ACM in this region. Default: a new
            certificate.
        mutual_tls: Certificates that clients must present. Default: none.

    Raises:
        ConstructError: if an argument is not valid, or there is neither a certificate nor a zone to validate
            one in.

    Example:
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
        >>> domain = DomainName(
        ...     stack, "domain", domain_name="api.shop.example", stage=stage, hosted_zone_id="Z0123456789ABCDEFGHIJ"
        ... )
        >>> domain.url_for()
        'https://api.shop.example'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        domain_name: str,
        stage: Stage,
        base_path: str = "",
        hosted_zone_id: str | None = None,
        certificate_arn: str | None = None,
        mutual_tls: MutualTls | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        stack = AwsStack.of(scope)
        check_pattern(
            where,
            "domain_name",
            domain_name,
            _HOST_NAME,
            "use a host name in lower case, such as 'api.shop.example'",
        )
        if hosted_zone_id is not None and not has_reference(hosted_zone_id):
            check_pattern(
                where,
                "hosted_zone_id",
                hosted_zone_id,
                r"Z[A-Z0-9]{4,31}",
                "use the zone's id, which starts with 'Z'",
            )
        if certificate_arn is None and hosted_zone_id is None:
            raise InvalidArgumentError(
                where,
                "has neither a certificate nor a zone to validate one in",
                "pass hosted_zone_id, or certificate_arn of a certificate in ACM",
            )
        if certificate_arn is not None:
            _check_certificate(where, certificate_arn, stack.region)
        check_type(where, "mutual_tls", mutual_tls, MutualTls)
        self._check_mapping(where, scope, stage, base_path)
        stack.claim(where, "domain_name", domain_name)
        if hosted_zone_id is not None:
            stack.claim(
                where,
                f"DNS record of zone {hosted_zone_id}",
                domain_name,
                "leave hosted_zone_id out of one, and create records with a routing policy for both",
                scope="account",
            )

        super().__init__(scope, construct_id)
        self._domain_name = domain_name
        self._mappings: dict[str, ApiGatewayBasePathMapping] = {}
        self._hosted_zone_id = hosted_zone_id
        self._resource = self._create(
            ApiGatewayDomainName,
            "Resource",
            domain_name=domain_name,
            regional_certificate_arn=self._validated_certificate(hosted_zone_id or "")
            if certificate_arn is None
            else certificate_arn,
            security_policy=SECURITY_POLICY,
            endpoint_configuration=ApiGatewayDomainNameEndpointConfiguration(types=["REGIONAL"]),
            mutual_tls_authentication=None
            if mutual_tls is None
            else ApiGatewayDomainNameMutualTlsAuthentication(
                truststore_uri=mutual_tls.truststore_uri, truststore_version=mutual_tls.truststore_version
            ),
        )
        if hosted_zone_id is not None:
            self._add_records(hosted_zone_id)
        self._map(stage, base_path)

    @property
    def domain_name(self) -> str:
        """The host name."""
        return self._domain_name

    @property
    def regional_domain_name(self) -> str:
        """Target for DNS records that are created elsewhere: AWS's host name behind the domain; a reference."""
        return self._resource.regional_domain_name

    @property
    def resource(self) -> ApiGatewayDomainName:
        """The `aws_api_gateway_domain_name`."""
        return self._resource

    def url_for(self, base_path: str = "") -> str:
        """Return the address of a base path, without a `/` at the end."""
        return f"https://{self._domain_name}{f'/{base_path}' if base_path else ''}"

    def add_stage(self, stage: Stage, *, base_path: str) -> ApiGatewayBasePathMapping:
        """Serve another stage, of this API or another, at a base path (`aws_api_gateway_base_path_mapping`).

        Args:
            stage: Stage to serve.
            base_path: First part of the path of its URLs, such as `v2`.

        Raises:
            ConstructError: if the base path is not valid, or taken.
        """
        where = path_of(self)
        self._check_mapping(where, self, stage, base_path)
        if not base_path or "" in self._mappings:
            raise ConflictError(
                where,
                "has a stage without a base path, which excludes other stages",
                "give each of its stages a base_path",
            )
        if base_path in self._mappings:
            raise ConflictError(where, f"base_path '{base_path}' is taken", "choose another one")
        return self._map(stage, base_path)

    def _check_mapping(self, where: str, scope: Construct, stage: Stage, base_path: str) -> None:
        check_same_stack(where, scope, stage)
        check_known(where, "base_path", base_path)
        if base_path:
            check_pattern(
                where,
                "base_path",
                base_path,
                _BASE_PATH,
                "use one part without '/', such as 'v1': API Gateway maps no more of a REST API's path",
            )

    def _map(self, stage: Stage, base_path: str) -> ApiGatewayBasePathMapping:
        api = stage.deployment.api
        mapping = self._create(
            ApiGatewayBasePathMapping,
            f"mapping={base_path}",
            api_id=attribute(api.resource, "id"),
            stage_name=attribute(stage.resource, "stage_name"),
            domain_name=attribute(self._resource, "domain_name"),
            base_path=base_path or None,
        )
        self._mappings[base_path] = mapping
        api.close_execute_api_endpoint()
        stage._use_domain(self.url_for(base_path))
        return mapping

    def _validated_certificate(self, hosted_zone_id: str) -> str:
        # An existing certificate needs none of these imports.
        from cdktf_cdktf_provider_aws.acm_certificate import AcmCertificate
        from cdktf_cdktf_provider_aws.acm_certificate_validation import AcmCertificateValidation
        from cdktf_cdktf_provider_aws.route53_record import Route53Record

        certificate = self._create(
            AcmCertificate,
            "certificate",
            domain_name=self._domain_name,
            validation_method="DNS",
            # ACM refuses to delete a certificate that the domain still uses.
            lifecycle={"create_before_destroy": True},
        )
        # A certificate for one name has one record, which Terraform has as a set.
        option = f"one({address(certificate)}.domain_validation_options)"
        record = self._create(
            Route53Record,
            "validation-record",
            zone_id=hosted_zone_id,
            name=f"${{{option}.resource_record_name}}",
            type=f"${{{option}.resource_record_type}}",
            records=[f"${{{option}.resource_record_value}}"],
            ttl=60,
            # The record of a domain is the same for each of its certificates.
            allow_overwrite=True,
        )
        validation = self._create(
            AcmCertificateValidation,
            "validation",
            certificate_arn=attribute(certificate, "arn"),
            validation_record_fqdns=[attribute(record, "fqdn")],
        )
        return attribute(validation, "certificate_arn")

    def _add_records(self, hosted_zone_id: str) -> None:
        from cdktf_cdktf_provider_aws.route53_record import Route53Record, Route53RecordAlias

        for kind in ("A", "AAAA"):
            self._create(
                Route53Record,
                f"{kind}-record",
                zone_id=hosted_zone_id,
                name=self._domain_name,
                type=kind,
                alias=Route53RecordAlias(
                    name=attribute(self._resource, "regional_domain_name"),
                    zone_id=attribute(self._resource, "regional_zone_id"),
                    evaluate_target_health=False,
                ),
            )


def _check_certificate(where: str, certificate_arn: str, region: str) -> None:
    if has_reference(certificate_arn):
        return
    found = _CERTIFICATE.fullmatch(certificate_arn)
    if found is None:
        raise InvalidArgumentError(
            where,
            f"certificate_arn {certificate_arn!r} is not the ARN of a certificate in ACM",
            "pass 'arn:aws:acm:REGION:ACCOUNT:certificate/ID'",
        )
    if found[1] != region:
        raise ConflictError(
            where,
            f"its certificate is in {found[1]} and the stack in {region}",
            "make or import one in the stack's region",
        )
