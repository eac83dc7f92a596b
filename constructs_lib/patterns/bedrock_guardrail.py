"""Guardrail of Amazon Bedrock with a version, and what a function needs to apply it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from cdktf_cdktf_provider_aws.bedrock_guardrail import (
    BedrockGuardrail as BedrockGuardrailResource,
)
from cdktf_cdktf_provider_aws.bedrock_guardrail import (
    BedrockGuardrailContentPolicyConfig,
    BedrockGuardrailContentPolicyConfigFiltersConfig,
    BedrockGuardrailSensitiveInformationPolicyConfig,
    BedrockGuardrailSensitiveInformationPolicyConfigPiiEntitiesConfig,
    BedrockGuardrailTopicPolicyConfig,
    BedrockGuardrailTopicPolicyConfigTopicsConfig,
    BedrockGuardrailWordPolicyConfig,
    BedrockGuardrailWordPolicyConfigWordsConfig,
)
from cdktf_cdktf_provider_aws.bedrock_guardrail_version import BedrockGuardrailVersion
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.functions.function import Function
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.patterns.guardrail import Guardrail
from constructs_lib.patterns.meter import Meter
from constructs_lib.references import address, attribute, token

_ACTIONS: Final = {"MASK": "ANONYMIZE", "BLOCK": "BLOCK"}
_LONGEST_NAME: Final = 50
_MESSAGE: Final = "A guardrail blocks this content."


class BedrockGuardrail(AwsConstruct):
    """Guardrail of Amazon Bedrock (`aws_bedrock_guardrail`) and a version of it, which functions apply.

    A change of the rules creates another version before it deletes the old one. `ModelRoute(guardrail=…)` and
    `AiService(guardrail=…)` create it.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        rules: What it judges by.
        guardrail_name: Name in AWS, 1-50 letters, digits and `_-`. Default: the stack's prefix and the path below the stack,
            shortened where it is longer.

    Raises:
        ConstructError: An argument is not valid, the name is taken, or the stack is for the local cloud.

    Example:
        >>> guardrail = BedrockGuardrail(stack, "no-phones", rules=Guardrail(personal_data={"PHONE": "MASK"}))
        >>> guardrail.guardrail_name
        'shop-no-phones'
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, rules: Guardrail, guardrail_name: str | None = None
    ) -> None:
        where = path_below(scope, construct_id)
        stack = AwsStack.of(scope)
        name = _shortened(stack.physical_name(where)) if guardrail_name is None else guardrail_name
        check_pattern(
            where,
            "guardrail_name",
            name,
            r"[0-9A-Za-z_-]{1,50}",
            "use 1 to 50 letters, digits and '_-'",
        )
        if stack.environment is not None and stack.environment.is_local:
            raise InvalidArgumentError(
                where, "the local cloud has no Bedrock Guardrails", "use the backend 'offline' there"
            )
        stack.claim(where, "guardrail_name", name)
        super().__init__(scope, construct_id)
        self._name = name
        policies = _policies(rules)
        self._resource = self._create(
            BedrockGuardrailResource,
            "Resource",
            name=name,
            blocked_input_messaging=_MESSAGE,
            blocked_outputs_messaging=_MESSAGE,
            **policies,
        )
        # Functions apply the old version until they are updated.
        self._version = self._create(
            BedrockGuardrailVersion,
            "version",
            guardrail_arn=attribute(self._resource, "guardrail_arn"),
            lifecycle={"create_before_destroy": True, "replace_triggered_by": [address(self._resource)]},
        )

    @property
    def guardrail_name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def guardrail_id(self) -> str:
        """Id; a reference."""
        return token(self._resource, "guardrail_id")

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "guardrail_arn")

    @property
    def version(self) -> str:
        """Number of the version; a reference."""
        return token(self._version, "version")

    @property
    def resource(self) -> BedrockGuardrailResource:
        """The `aws_bedrock_guardrail`."""
        return self._resource

    @property
    def version_resource(self) -> BedrockGuardrailVersion:
        """The `aws_bedrock_guardrail_version`."""
        return self._version

    def grant_apply(self, function: Function) -> None:
        """Allow a function to apply it (`bedrock:ApplyGuardrail`).

        Raises:
            ConstructError: The function has the grant.
        """
        arn = attribute(self._resource, "guardrail_arn", function)
        function.role.add_policy(
            f"guardrail-{self._name}", PolicyStatement(actions=["bedrock:ApplyGuardrail"], resources=[arn])
        )


def applied_guardrail(
    scope: Construct, construct_id: str, rules: Guardrail, *, meter: Meter | None
) -> tuple[dict[str, Any], BedrockGuardrail | None]:
    """Return what a function judges by, as plain data, and the guardrail that it applies; None for one without Bedrock.

    Args:
        scope: Scope of a guardrail on Bedrock.
        construct_id: Its id.
        rules: What it judges by.
        meter: Meter of the stack, which needs a price for the judgements. Default: none.

    Raises:
        ConstructError: The backend cannot judge by the rules, or its judgements have no price.
    """
    where = path_below(scope, construct_id)
    environment = AwsStack.of(scope).environment
    is_local = environment is not None and environment.is_local
    if (rules.backend or ("offline" if is_local else "bedrock")) == "offline":
        rules.require_offline(where)
        return rules.offline_rules(), None
    if meter is not None:
        meter.check_guardrail(where, tuple(rules.units()))
    guardrail = BedrockGuardrail(scope, construct_id, rules=rules)
    reference = attribute(guardrail.resource, "guardrail_id")
    return rules.bedrock_rules(reference, attribute(guardrail.version_resource, "version")), guardrail


def _shortened(name: str) -> str:
    name = re.sub(r"[^0-9A-Za-z_-]", "-", name)
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}-{digest}"


def _policies(rules: Guardrail) -> Mapping[str, Any]:
    """Return the arguments of the resource for rules; a policy that they do not need is left out."""
    policies: dict[str, Any] = {}
    if rules.personal_data:
        entities = [
            BedrockGuardrailSensitiveInformationPolicyConfigPiiEntitiesConfig(
                type=kind, action=_ACTIONS[action]
            )
            for kind, action in rules.personal_data.items()
        ]
        policies["sensitive_information_policy_config"] = [
            BedrockGuardrailSensitiveInformationPolicyConfig(pii_entities_config=entities)
        ]
    if rules.words:
        words = [BedrockGuardrailWordPolicyConfigWordsConfig(text=word) for word in rules.words]
        policies["word_policy_config"] = [BedrockGuardrailWordPolicyConfig(words_config=words)]
    if rules.topics:
        topics = [
            BedrockGuardrailTopicPolicyConfigTopicsConfig(name=name, definition=definition, type="DENY")
            for name, definition in rules.topics.items()
        ]
        policies["topic_policy_config"] = [BedrockGuardrailTopicPolicyConfig(topics_config=topics)]
    if rules.prompt_attacks:
        # An answer cannot attack the model; Bedrock wants NONE for it.
        attacks = BedrockGuardrailContentPolicyConfigFiltersConfig(
            type="PROMPT_ATTACK", input_strength="HIGH", output_strength="NONE"
        )
        policies["content_policy_config"] = [BedrockGuardrailContentPolicyConfig(filters_config=[attacks])]
    return policies
