"""AWS WAF web ACL for stages and user pools, with rules that do not block prompts.

docs/decisions/0007 explains which of AWS's rule groups it does not use, and why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cdktf_cdktf_provider_aws.wafv2_web_acl import (
    Wafv2WebAcl,
    Wafv2WebAclAssociationConfig,
    Wafv2WebAclAssociationConfigRequestBody,
    Wafv2WebAclAssociationConfigRequestBodyApiGateway,
    Wafv2WebAclDefaultAction,
    Wafv2WebAclDefaultActionAllow,
    Wafv2WebAclRule,
    Wafv2WebAclRuleAction,
    Wafv2WebAclRuleActionBlock,
    Wafv2WebAclRuleOverrideAction,
    Wafv2WebAclRuleOverrideActionNone,
    Wafv2WebAclRuleVisibilityConfig,
    Wafv2WebAclVisibilityConfig,
)
from cdktf_cdktf_provider_aws.wafv2_web_acl_association import Wafv2WebAclAssociation
from cdktf_cdktf_provider_aws.wafv2_web_acl_logging_configuration import (
    Wafv2WebAclLoggingConfiguration,
    Wafv2WebAclLoggingConfigurationRedactedFields,
    Wafv2WebAclLoggingConfigurationRedactedFieldsQueryString,
    Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader,
)
from constructs import Construct

from constructs_lib.api.stage import Stage
from constructs_lib.authorization.user_pool import UserPool
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_list, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.log_retention import RetentionDays
from constructs_lib.logs.log_group import LogGroup
from constructs_lib.references import attribute, token, wait_for
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.kms.encryption_key import EncryptionKey

REDACTED_HEADERS: Final = ("authorization", "cookie", "x-api-key")
"""Headers that are redacted in the log."""

MAX_INSPECTED_BYTES: Final = 65_536
"""Largest part of a body that WAF inspects; rules cannot distinguish larger sizes."""

_MANAGED: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("AWSManagedRulesAmazonIpReputationList", ()),
    # Callers of an API run in data centers, so this rule only counts.
    ("AWSManagedRulesAnonymousIpList", ("HostingProviderIPList",)),
    ("AWSManagedRulesKnownBadInputsRuleSet", ()),
)
"""AWS's rule groups, each with its rules that only count."""


CREDENTIAL_HEADERS: Final = ("authorization", "x-api-key")
"""Headers with the credentials of callers. Each has its own rate rule."""


class WebAcl(AwsConstruct):
    """WAF web ACL (`aws_wafv2_web_acl`) with a log (`aws_wafv2_web_acl_logging_configuration`).

    It protects stages and user pools. It blocks addresses and credentials with too many requests, bodies that
    are too large, addresses with a bad reputation or behind anonymizers, and requests that exploit known
    vulnerabilities. It has no rules against SQL or scripts, because prompts may contain both. The log has no
    credentials and no query strings; request samples, which would have them, are disabled.

    The limit of a credential is lower than that of an address, because several callers may share an address.
    It counts each value of `Authorization` and of `x-api-key`, in lower case and with single spaces, valid or
    not. Each signed request (SigV4) has a different value, so only the limit of its address applies.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.
        stages: Stages to protect. Default: none; see `protect`.
        user_pools: User pools to protect: their sign-in pages and their public API. Default: none.
        requests_per_address: Requests of an IP address in five minutes, 10-2000000000. Default: 5000.
        requests_per_credential: Requests with one credential in five minutes, 10-2000000000. Default: 3000.
        max_body_bytes: Largest body in bytes, 1-65536. Default: 65536. Routes of the stages whose contract or
            integration accepts larger bodies are exempt; they check the size themselves.
        large_body_paths: More paths that accept larger bodies, such as `/images` or `/images/{id}`. Default:
            none.
        log_retention_days: Retention of its log in days. Default: 365.
        encryption_key: Key for its log. Default: the stack's, or else CloudWatch Logs' own.

    Raises:
        ConstructError: if an argument is not valid, a stage or a user pool has another web ACL, or the limit
            of a credential is above that of an address, so that it has no effect.

    Example:
        >>> stage = Stage(stack, "stage", deployment=deployment, stage_name="prod", account=account)
        >>> firewall = WebAcl(stack, "firewall", stages=[stage], requests_per_credential=500)
        >>> firewall.log_group.name
        'aws-waf-logs-shop-firewall'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str | None = None,
        stages: Sequence[Stage] = (),
        user_pools: Sequence[UserPool] = (),
        requests_per_address: int = 5000,
        requests_per_credential: int = 3000,
        max_body_bytes: int = MAX_INSPECTED_BYTES,
        large_body_paths: Sequence[str] = (),
        log_retention_days: RetentionDays | None = None,
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        check_list(where, "stages", stages)
        check_list(where, "user_pools", user_pools)
        title = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(
            where, "name", title, r"[A-Za-z0-9_-]{1,100}", "use 1 to 100 letters, digits, '-' and '_'"
        )
        check_range(where, "requests_per_address", requests_per_address, 10, 2_000_000_000)
        check_range(where, "requests_per_credential", requests_per_credential, 10, 2_000_000_000)
        if requests_per_credential > requests_per_address:
            raise ConflictError(
                where,
                f"requests_per_credential {requests_per_credential} is above requests_per_address "
                f"{requests_per_address}, which is reached first",
                "raise requests_per_address or lower requests_per_credential",
            )
        check_range(where, "max_body_bytes", max_body_bytes, 1, MAX_INSPECTED_BYTES)
        if isinstance(large_body_paths, str):
            raise InvalidArgumentError(
                where,
                f"large_body_paths {large_body_paths!r} is not a list of strings",
                f"pass [{large_body_paths!r}]",
            )
        for path in large_body_paths:
            check_pattern(
                where,
                "large_body_paths",
                path,
                r"(/([A-Za-z0-9._~-]+|\{[A-Za-z0-9._-]+\}))+",
                "use paths of routes, such as '/vision/text' or '/images/{id}'",
            )
        targets: list[Stage | UserPool] = [*stages, *user_pools]
        for target in targets:
            _check_target(where, scope, target)
        AwsStack.of(scope).claim(where, "web ACL name", title)
        super().__init__(scope, construct_id)
        self._targets: list[Stage | UserPool] = []
        self._log_group = LogGroup(
            self,
            "log-group",
            name=f"aws-waf-logs-{title}",  # WAF requires this prefix
            retention_days=log_retention_days,
            encryption_key=encryption_key,
        )
        self._rates = {
            "RequestsPerAddress": _rate_of_address(requests_per_address),
            **{
                _credential_rule(header): _rate_of_header(requests_per_credential, header)
                for header in CREDENTIAL_HEADERS
            },
        }
        self._max_body_bytes = max_body_bytes
        self._large_body_paths = tuple(large_body_paths)
        self._resource = self._create(
            Wafv2WebAcl,
            "Resource",
            name=title,
            description=f"Protects {path_of(scope)}",
            scope="REGIONAL",
            default_action=Wafv2WebAclDefaultAction(allow=Wafv2WebAclDefaultActionAllow()),
            rule=self._rules(),
            association_config=Wafv2WebAclAssociationConfig(
                request_body=[
                    Wafv2WebAclAssociationConfigRequestBody(
                        api_gateway=Wafv2WebAclAssociationConfigRequestBodyApiGateway(
                            default_size_inspection_limit="KB_64"
                        )
                    )
                ]
            ),
            visibility_config=Wafv2WebAclVisibilityConfig(
                cloudwatch_metrics_enabled=True, metric_name=title, sampled_requests_enabled=False
            ),
        )
        self._logging = self._create(
            Wafv2WebAclLoggingConfiguration,
            "logging",
            resource_arn=attribute(self._resource, "arn"),
            log_destination_configs=[attribute(self._log_group.resource, "arn")],
            redacted_fields=[
                *(
                    Wafv2WebAclLoggingConfigurationRedactedFields(
                        single_header=Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader(name=header)
                    )
                    for header in REDACTED_HEADERS
                ),
                Wafv2WebAclLoggingConfigurationRedactedFields(
                    query_string=Wafv2WebAclLoggingConfigurationRedactedFieldsQueryString()
                ),
            ],
        )
        for target in targets:
            self.protect(target)

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def targets(self) -> tuple[Stage | UserPool, ...]:
        """Protected stages and user pools, in the order they were added."""
        return tuple(self._targets)

    @property
    def log_group(self) -> LogGroup:
        """Log group."""
        return self._log_group

    @property
    def resource(self) -> Wafv2WebAcl:
        """The `aws_wafv2_web_acl`."""
        return self._resource

    def protect(self, target: Stage | UserPool) -> Wafv2WebAclAssociation:
        """Protect another stage or user pool (`aws_wafv2_web_acl_association`).

        Args:
            target: Stage or user pool.

        Raises:
            ConflictError: if it has a web ACL, or is in another stack.
        """
        where = path_of(self)
        _check_target(where, self, target)
        if target in self._targets:
            raise ConflictError(where, f"protects {path_of(target)} already", "remove one of the two")
        self._targets.append(target)
        association = self._create(
            Wafv2WebAclAssociation,
            f"{_kind(target)}={path_of(target).replace('/', '=')}",
            resource_arn=attribute(target.resource, "arn"),
            web_acl_arn=attribute(self._resource, "arn"),
        )
        # The log is on before the first request passes.
        wait_for(association, self._logging, first=True)
        if isinstance(target, Stage):
            target.deployment.api._context.on_change(lambda: self._resource.put_rule(self._rules()))
        return association

    def _rules(self) -> list[Wafv2WebAclRule]:
        of_stages = (
            path
            for target in self._targets
            if isinstance(target, Stage)
            for path in target.deployment.api.paths_with_bodies_above(self._max_body_bytes)
        )
        exempt = sorted({*self._large_body_paths, *of_stages})
        blocking = {**self._rates, "BodySize": _body_size(self._max_body_bytes, exempt)}
        return [
            *(
                _rule(priority, title, statement, blocks=True)
                for priority, (title, statement) in enumerate(blocking.items())
            ),
            *(
                _rule(priority, group, _managed(group, counted), blocks=False)
                for priority, (group, counted) in enumerate(_MANAGED, len(blocking))
            ),
        ]


def _kind(target: Stage | UserPool) -> str:
    return "stage" if isinstance(target, Stage) else "user-pool"


def _check_target(where: str, scope: Construct, target: Stage | UserPool) -> None:
    check_same_stack(where, scope, target)
    kind = _kind(target).replace("-", " ")
    AwsStack.of(scope).claim(
        where,
        f"web ACL of {kind}",
        path_of(target),
        f"remove the {kind} from one: AWS allows one web ACL each",
    )


def _rule(priority: int, name: str, statement: dict[str, Any], *, blocks: bool) -> Wafv2WebAclRule:
    return Wafv2WebAclRule(
        name=name,
        priority=priority,
        statement=statement,
        action=Wafv2WebAclRuleAction(block=Wafv2WebAclRuleActionBlock()) if blocks else None,
        override_action=None
        if blocks
        else Wafv2WebAclRuleOverrideAction(none=Wafv2WebAclRuleOverrideActionNone()),
        visibility_config=Wafv2WebAclRuleVisibilityConfig(
            cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
        ),
    )


_WINDOW: Final = {"evaluation_window_sec": 300}


def _rate_of_address(limit: int) -> dict[str, Any]:
    return {"rate_based_statement": {"limit": limit, "aggregate_key_type": "IP", **_WINDOW}}


def _rate_of_header(limit: int, header: str) -> dict[str, Any]:
    # API Gateway accepts a token with and without `Bearer`, in any case and after any number of spaces.
    written_alike = [{"priority": 0, "type": "COMPRESS_WHITE_SPACE"}, {"priority": 1, "type": "LOWERCASE"}]
    return {
        "rate_based_statement": {
            "limit": limit,
            "aggregate_key_type": "CUSTOM_KEYS",
            "custom_key": [{"header": {"name": header, "text_transformation": written_alike}}],
            **_WINDOW,
        }
    }


def _credential_rule(header: str) -> str:
    return f"RequestsPer{''.join(word.capitalize() for word in header.split('-'))}"


def _managed(group: str, counted: Sequence[str]) -> dict[str, Any]:
    statement: dict[str, Any] = {"name": group, "vendor_name": "AWS"}
    if counted:
        statement["rule_action_override"] = [
            {"name": rule, "action_to_use": {"count": {}}} for rule in counted
        ]
    return {"managed_rule_group_statement": statement}


_UNCHANGED: Final = [{"priority": 0, "type": "NONE"}]


def _body_size(limit: int, exempt: Sequence[str]) -> dict[str, Any]:
    too_large = {
        "size_constraint_statement": {
            "comparison_operator": "GT",
            "size": limit,
            # WAF sees only 64 KB of a larger body, which is too large in any case.
            "field_to_match": {"body": {"oversize_handling": "MATCH"}},
            "text_transformation": _UNCHANGED,
        }
    }
    if not exempt:
        return too_large
    paths = [_ends_with(path) for path in exempt]
    is_exempt = paths[0] if len(paths) == 1 else {"or_statement": {"statement": paths}}
    return {
        "and_statement": {"statement": [too_large, {"not_statement": {"statement": [is_exempt]}}]},
    }


def _ends_with(path: str) -> dict[str, Any]:
    """Match requests for a path, which WAF sees after the stage or a domain's base path."""
    target = {"field_to_match": {"uri_path": {}}, "text_transformation": _UNCHANGED}
    if "{" not in path:
        return {
            "byte_match_statement": {
                "positional_constraint": "ENDS_WITH",
                "search_string": path,
                **target,
            }
        }
    parts = re.split(r"\{[^}]*\}", path)
    pattern = "[^/]+".join(re.escape(part) for part in parts)
    return {"regex_match_statement": {"regex_string": f"{pattern}$", **target}}
