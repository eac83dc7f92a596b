"""Gaps of moto: missing operations, and answers that differ from AWS. A file for each part of a service, with tests.

All of it was written against moto 5.2.5. A file patches moto's classes when it is imported. Delete a patch when moto needs
it no more: its test then passes without the patch.
"""

from __future__ import annotations

import logging
from importlib import import_module
from threading import Lock

WRITTEN_AGAINST = "5.2.5"

_GAPS = (
    "api_defaults", "api_import", "api_not_found", "api_stages", "api_tags", "api_updates", "api_validation", "budgets",
    "certificate_validation", "cognito", "cognito_token_trigger", "composite_alarms", "domain_names",
    "event_patterns", "event_source_mappings", "kms_rotation", "lambda_event_invoke", "lambda_policies",
    "lambda_settings", "lambda_validation", "logs", "provisioned_concurrency", "route_compilation", "secrets_manager",
    "s3_isolation", "s3_settings", "sqs", "sts_assume_role", "usage_plans",
)  # fmt: skip

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
            import_module(f"{__name__}.{name}")
        _applied = True
