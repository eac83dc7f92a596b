"""Deployment: the snapshot of a REST API that a stage serves."""

from __future__ import annotations

from collections.abc import Mapping

import jsii
from cdktf import Fn, TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.api_gateway_deployment import ApiGatewayDeployment
from constructs import Construct, IValidation

from constructs_lib.api.rest_api_base import RestApiBase
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.checks import check_known, check_mapping, check_pattern, check_text, path_below
from constructs_lib.errors import ConflictError
from constructs_lib.references import address, attribute, token, wait_for
from constructs_lib.stacks import check_same_stack
from constructs_lib.templates import is_list_reference

_TRIGGER = "redeployment"


class Deployment(AwsConstruct):
    """A deployment of a REST API (`aws_api_gateway_deployment`).

    It depends on every method, integration and other part of the API. Terraform replaces it only when the
    API's definition changes, or an authorizer, its user pool or a role of the API is replaced. It is created
    before the old one is destroyed. It does not depend on functions, permissions or workflows, because
    Terraform would then replace those before destroying them too, under the same names. The `Stage` depends
    on those. Routes can be added afterwards.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        api: REST API to deploy.
        description: Description in AWS. Default: none.
        extra_triggers: More values, by name, whose change redeploys the API. They cover changes outside the
            definition, such as an override of `method.resource`. Default: none.
        pinned_digest: `digest` of the live deployment. Pins the deployment while the API changes; see
            `Canary`. Default: none; the deployment follows the API.

    Raises:
        ConstructError: if an extra trigger is not a plain string, or the API is in another stack.

    Example:
        >>> deployment = Deployment(stack, "deployment", api=api)
        >>> deployment.digest == api.definition.digest()
        True
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: RestApiBase,
        description: str | None = None,
        extra_triggers: Mapping[str, str] | None = None,
        pinned_digest: str | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        if pinned_digest is not None:
            check_pattern(
                where,
                "pinned_digest",
                pinned_digest,
                "[0-9a-f]{64}",
                "pass the digest of the deployment that is live",
            )
        check_mapping(where, "extra_triggers", extra_triggers)
        extra = dict(extra_triggers or {})
        if _TRIGGER in extra:
            raise ConflictError(
                where, f"extra_triggers has '{_TRIGGER}', which is the API's own", "name it otherwise"
            )
        for name, value in extra.items():
            check_known(where, f"extra_triggers['{name}']", value)
        check_text(where, "description", description)
        check_same_stack(where, scope, api)
        super().__init__(scope, construct_id)
        self._api = api
        self._extra_triggers = extra
        self._pinned_digest = pinned_digest
        self._resource = self._create(
            ApiGatewayDeployment,
            "Resource",
            rest_api_id=attribute(api.resource, "id"),
            description=description,
            lifecycle={"create_before_destroy": True},
        )
        api._context.on_change(self._follow_api)
        self.node.add_validation(_HasRoutes(api))

    @property
    def api(self) -> RestApiBase:
        """Deployed REST API."""
        return self._api

    @property
    def digest(self) -> str:
        """Hash of the API's definition, or the pinned one. Terraform redeploys when it changes."""
        return self._pinned_digest or self._api.definition.digest()

    @property
    def is_pinned(self) -> bool:
        """True if the deployment is pinned and does not follow the API."""
        return self._pinned_digest is not None

    @property
    def deployment_id(self) -> str:
        """Id; a reference."""
        return token(self._resource, "id")

    @property
    def resource(self) -> ApiGatewayDeployment:
        """The `aws_api_gateway_deployment`."""
        return self._resource

    def _follow_api(self) -> None:
        references = enumerate(self._api._context.references, 1)
        self._resource.triggers = {
            **self._extra_triggers,
            _TRIGGER: self.digest,
            **{f"reference-{number}": _text(reference) for number, reference in references},
        }
        wait_for(self._resource, *self._api._context.parts)
        origins = dict.fromkeys(map(address, self._api._context.origins))
        if origins:
            self._resource.lifecycle = TerraformResourceLifecycle(
                create_before_destroy=True, replace_triggered_by=[f"{place}.id" for place in origins]
            )


def _text(reference: str) -> str:
    """Return a string that changes with the value of a reference, which may be a list."""
    return Fn.join(",", [reference]) if is_list_reference([reference]) else reference


@jsii.implements(IValidation)
class _HasRoutes:
    """Validation at synth, because routes can be added until then."""

    def __init__(self, api: RestApiBase) -> None:
        self._api = api

    def validate(self) -> list[str]:
        if self._api.definition.routes:
            return []
        return [
            f"REST API '{self._api.name}' has no methods, and AWS refuses to deploy it; add one with add_method"
        ]
