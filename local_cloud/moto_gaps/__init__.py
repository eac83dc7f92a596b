"""What moto lacks or answers otherwise than AWS, each in a small file that says so, with a test.

All of it was written against moto 5.2.5. A file patches moto's classes in its `apply()`, once for the process; it
should go when moto needs it no more, which its test shows when it passes without the patch.
"""

from __future__ import annotations

import logging
from importlib import import_module
from threading import Lock

WRITTEN_AGAINST = "5.2.5"

_GAPS = (
    "api_authorizers",
    "api_definition_updates",
    "api_deployments",
    "api_import",
    "api_not_found",
    "api_tags",
    "api_validation",
    "certificate_validation",
    "cognito_pool_updates",
    "cognito_resource_servers",
    "cognito_sign_up",
    "cognito_tags",
    "cognito_token_trigger",
    "composite_alarms",
    "domain_names",
    "event_patterns",
    "event_source_mappings",
    "function_urls",
    "kms_rotation",
    "lambda_concurrency",
    "lambda_configuration",
    "lambda_event_invoke",
    "lambda_policies",
    "lambda_validation",
    "log_group_keys",
    "log_queries",
    "provisioned_concurrency",
    "response_transfer_mode",
    "rest_api_settings",
    "route_compilation",
    "s3_bucket_owner",
    "s3_isolation",
    "s3_notifications",
    "s3_policy_conditions",
    "sqs_attributes",
    "sqs_messages",
    "stage_settings",
    "sts_assume_role",
    "usage_plans",
)

_log = logging.getLogger(__name__)
_lock = Lock()
_applied = False


def apply() -> None:
    """Patch moto, unless that is done; imports the backends it patches, which takes about a second."""
    global _applied
    with _lock:
        if _applied:
            return
        version = import_module("moto").__version__
        if version != WRITTEN_AGAINST:
            _log.warning(
                "moto is %s, but local_cloud/moto_gaps was written against %s: run the tests in tests/local_cloud",
                version,
                WRITTEN_AGAINST,
            )
        for name in _GAPS:
            import_module(f"{__name__}.{name}").apply()
        _applied = True
