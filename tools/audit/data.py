"""Audit rules for queues, tables and buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tools.audit.configuration import Configuration, reference

Found = Iterator[tuple[str, str, str]]

_DEFAULT_VISIBILITY: Final = 30
_VISIBILITY_FACTOR: Final = 6
_POLICIES: Final = {
    "s3_bucket": ("s3_bucket_policy", "bucket"),
    "sns_topic": ("sns_topic_policy", "arn"),
    "sqs_queue": ("sqs_queue_policy", "queue_url"),
}
"""Policy type and its argument for the resource, by type of the resource."""


def queue_visibility(configuration: Configuration) -> Found:
    """SQS delivers a message again while its handler still processes it."""
    for mapping in configuration.all("lambda_event_source_mapping"):
        queue = configuration.target(mapping.body.get("event_source_arn"))
        function = configuration.target(mapping.body.get("function_name"))
        if function is not None and function.kind == "lambda_alias":
            function = configuration.target(function.body.get("function_name"))
        if queue is None or queue.kind != "sqs_queue" or function is None:
            continue
        visibility = int(queue.body.get("visibility_timeout_seconds") or _DEFAULT_VISIBILITY)
        needed = _VISIBILITY_FACTOR * int(function.body.get("timeout") or 3)
        if visibility < needed:
            yield (
                queue.where,
                f"gives a message out again after {visibility} s, and {function.where} may need more",
                f"set visibility_timeout_seconds to {needed}: six times the function's timeout",
            )


def batch_failures(configuration: Configuration) -> Found:
    """One bad message causes the redelivery of the whole batch."""
    for mapping in configuration.all("lambda_event_source_mapping"):
        source = configuration.target(mapping.body.get("event_source_arn"))
        reported = mapping.body.get("function_response_types") or ()
        if source is not None and source.kind == "sqs_queue" and "ReportBatchItemFailures" not in reported:
            yield (
                mapping.where,
                "delivers a whole batch again for one bad message",
                "set function_response_types to ReportBatchItemFailures, and answer with batchItemFailures",
            )


def queue_redrive(configuration: Configuration) -> Found:
    """A message that always fails is delivered again until it expires."""
    failed = {
        address
        for queue in configuration.all("sqs_queue")
        for address in (part.partition(".arn}")[0] for part in queue.text("redrive_policy").split("${")[1:])
    }
    for mapping in configuration.all("lambda_event_source_mapping"):
        queue = configuration.target(mapping.body.get("event_source_arn"))
        if queue is not None and queue.kind == "sqs_queue" and not queue.body.get("redrive_policy"):
            if queue.address in failed:
                continue
            yield queue.where, "gives out what cannot be handled again and again", "set a redrive_policy"


def table_recovery(configuration: Configuration) -> Found:
    """Without recovery, deleted and overwritten items are lost."""
    for table in configuration.all("dynamodb_table"):
        if table.block("point_in_time_recovery").get("enabled") is not True:
            yield table.where, "cannot be set back to an earlier time", "enable point_in_time_recovery"


def tls_only(configuration: Configuration) -> Found:
    """Without TLS, attackers in the network can read requests."""
    for kind, (policy_kind, argument) in _POLICIES.items():
        refused = {
            address
            for policy in configuration.all(policy_kind)
            if any(_refuses_plain_text(statement) for statement in policy.document("policy"))
            for address in [reference(policy.body.get(argument))[0]]
        }
        for resource in configuration.all(kind):
            own = any(_refuses_plain_text(statement) for statement in resource.document("policy"))
            if not own and resource.address not in refused:
                yield (
                    resource.where,
                    "accepts requests without TLS",
                    f"add an aws_{policy_kind} that denies all of them where aws:SecureTransport is false",
                )


def _refuses_plain_text(statement: Mapping[str, Any]) -> bool:
    tested = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement.get("Effect") == "Deny" and str(tested).lower() == "false"


def bucket_owner(configuration: Configuration) -> Found:
    """An existing bucket can belong to another account that owns the name."""
    checked = {
        body.get("bucket")
        for body in configuration.json.get("data", {}).get("aws_s3_bucket_policy", {}).values()
    }
    for upload in configuration.all("s3_object"):
        bucket = upload.body.get("bucket")
        if configuration.target(bucket) is None and bucket not in checked:
            yield (
                upload.where,
                f"is written to bucket {bucket} without a check of its owner",
                "read its policy (data.aws_s3_bucket_policy), which S3 shows to the owner's account alone",
            )


RULES: Final = {
    "queue-visibility": queue_visibility,
    "batch-failures": batch_failures,
    "queue-redrive": queue_redrive,
    "table-recovery": table_recovery,
    "tls-only": tls_only,
    "bucket-owner": bucket_owner,
}
