"""Audit rules for custom domains, endpoints and web ACLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.audit.configuration import Configuration, Resource, reference, strings

Found = Iterator[tuple[str, str, str]]


def _mapped(configuration: Configuration) -> Iterator[tuple[Resource, Resource]]:
    for mapping in configuration.all("api_gateway_base_path_mapping"):
        api = configuration.target(mapping.body.get("api_id"))
        if api is not None:
            yield mapping, api


def open_endpoint(configuration: Configuration) -> Found:
    """AWS's own host name bypasses the domain, its mutual TLS and a proxy in front of it."""
    for mapping, api in _mapped(configuration):
        if api.body.get("disable_execute_api_endpoint") is not True:
            yield (
                api.where,
                f"can be called past the domain of {mapping.where}, at AWS's own host name",
                "set disable_execute_api_endpoint",
            )


def shown_address(configuration: Configuration) -> Found:
    """The address in the outputs is disabled."""
    closed = {
        api.address
        for api in configuration.all("api_gateway_rest_api")
        if api.body.get("disable_execute_api_endpoint") is True
    }
    stages = [
        stage
        for stage in configuration.all("api_gateway_stage")
        if reference(stage.body.get("rest_api_id"))[0] in closed
    ]
    for name, output in configuration.json.get("output", {}).items():
        for stage in stages:
            if any(f"${{{stage.address}.invoke_url}}" in text for text in strings(output)):
                yield (
                    f"output {name}",
                    f"gives the address of {stage.where}, which is closed",
                    "give the domain's",
                )


def tls(configuration: Configuration) -> Found:
    """TLS 1.0 and 1.1 are insecure."""
    for domain in configuration.all("api_gateway_domain_name"):
        policy = domain.text("security_policy")
        if policy != "TLS_1_2" and not policy.startswith("SecurityPolicy_TLS13_"):
            yield domain.where, f"accepts what security_policy '{policy}' does", "use TLS_1_2 or newer"


def certificate(configuration: Configuration) -> Found:
    """API Gateway rejects a certificate that is not validated yet. A certificate in use cannot be destroyed."""
    for domain in configuration.all("api_gateway_domain_name"):
        for name in ("regional_certificate_arn", "certificate_arn"):
            found = configuration.target(domain.body.get(name))
            if found is not None and found.kind == "acm_certificate":
                yield (
                    domain.where,
                    f"takes {found.address} before it is validated",
                    "use certificate_arn of the aws_acm_certificate_validation",
                )
    for one in configuration.all("acm_certificate"):
        if one.lifecycle.get("create_before_destroy") is not True:
            yield one.where, "cannot be replaced while a domain uses it", "set create_before_destroy"


def base_path(configuration: Configuration) -> Found:
    """With names as strings, the mapping is created before the stage, and does not follow a replaced stage."""
    for mapping in configuration.all("api_gateway_base_path_mapping"):
        for name, attribute in (
            ("api_id", "id"),
            ("stage_name", "stage_name"),
            ("domain_name", "domain_name"),
        ):
            if reference(mapping.body.get(name))[1] not in {attribute, "id"}:
                yield (
                    mapping.where,
                    f"names its {name} '{mapping.text(name)}' instead of referring to it",
                    "refer to the resource",
                )


def firewall(configuration: Configuration) -> Found:
    """Without a web ACL, floods and known attacks are billed."""
    guarded = {
        reference(one.body.get("resource_arn"))[0]: one
        for one in configuration.all("wafv2_web_acl_association")
    }
    for stage in configuration.all("api_gateway_stage"):
        if stage.address not in guarded:
            yield stage.where, "has no firewall", "associate an aws_wafv2_web_acl with it"


def firewall_rate(configuration: Configuration) -> Found:
    """All clients share a throttle, so one client can block the others."""
    for acl in configuration.all("wafv2_web_acl"):
        rules = [*acl.blocks("rule"), acl.text("rule_json")]
        text = repr(rules)
        if "rate_based_statement" not in text and "RateBasedStatement" not in text:
            yield acl.where, "has no rule that limits one client's requests", "add a rate_based_statement"


def firewall_order(configuration: Configuration) -> Found:
    """With ARNs as strings, the association is created before the stage or the rules exist."""
    for one in configuration.all("wafv2_web_acl_association", "wafv2_web_acl_logging_configuration"):
        for name in ("resource_arn", "web_acl_arn"):
            if name in one.body and not reference(one.body[name])[0]:
                if one.kind.endswith("logging_configuration") and name == "resource_arn":
                    continue
                yield one.where, f"has {name} as a string, and does not depend on it", "refer to its arn"


def firewall_log(configuration: Configuration) -> Found:
    """WAF rejects log groups with other names."""
    for one in configuration.all("wafv2_web_acl_logging_configuration"):
        for destination in one.body.get("log_destination_configs") or ():
            group = configuration.target(destination)
            if group is not None and not group.text("name").startswith("aws-waf-logs-"):
                yield (
                    group.where,
                    f"WAF refuses a log group named '{group.text('name')}'",
                    "start it with aws-waf-logs-",
                )


RULES: Final = {
    "open-endpoint": open_endpoint,
    "shown-address": shown_address,
    "tls": tls,
    "certificate": certificate,
    "base-path": base_path,
    "firewall": firewall,
    "firewall-rate": firewall_rate,
    "firewall-order": firewall_order,
    "firewall-log": firewall_log,
}
