"""Audit rules for alarms, and for keys that CloudWatch must use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tools.audit.configuration import Configuration, Resource, reference

Found = Iterator[tuple[str, str, str]]


def alarm_actions(configuration: Configuration) -> Found:
    """An alarm without an action notifies no operator."""
    for alarm in configuration.all("cloudwatch_metric_alarm", "cloudwatch_composite_alarm"):
        if not alarm.body.get("alarm_actions") or alarm.body.get("actions_enabled") is False:
            yield alarm.where, "has no action", "set alarm_actions, such as a topic"


def alarm_missing(configuration: Configuration) -> Found:
    """No operator is notified when the API fails."""
    watched = {
        *(alarm.text("metric_name") for alarm in configuration.all("cloudwatch_metric_alarm")),
        *(
            metric.get("metric_name", "")
            for alarm in configuration.all("cloudwatch_metric_alarm")
            for query in alarm.blocks("metric_query")
            for metric in _as_list(query.get("metric"))
        ),
    }
    for stage in configuration.all("api_gateway_stage"):
        if not watched & {"5XXError", "5xx"}:
            yield stage.where, "has no alarm for its 5xx", "add an alarm on the metric 5XXError"


def workflow_alarm(configuration: Configuration) -> Found:
    """No operator is notified when the workflow fails."""
    watched = _watched(configuration, "ExecutionsFailed", "StateMachineArn")
    for machine in configuration.all("sfn_state_machine"):
        if not watched & {machine.address, machine.text("name")}:
            yield machine.where, "has no alarm for its failures", "add an alarm on ExecutionsFailed"


def queue_alarm(configuration: Configuration) -> Found:
    """Without an alarm, failed messages expire unnoticed."""
    taken = {
        reference(one.body.get("event_source_arn"))[0]
        for one in configuration.all("lambda_event_source_mapping")
    }
    watched = _watched(configuration, "ApproximateNumberOfMessagesVisible", "QueueName")
    for queue in configuration.all("sqs_queue"):
        if queue.address not in taken and not watched & {queue.address, queue.text("name")}:
            yield (
                queue.where,
                "has no consumer and no alarm",
                "add an alarm on ApproximateNumberOfMessagesVisible",
            )


def _watched(configuration: Configuration, metric: str, dimension: str) -> set[str]:
    """Return the names, or referenced addresses, of the resources with an alarm on a metric."""
    values = {
        str((alarm.body.get("dimensions") or {}).get(dimension, ""))
        for alarm in configuration.all("cloudwatch_metric_alarm")
        if alarm.text("metric_name") == metric
    }
    return {reference(value)[0] or value for value in values - {""}}


def topic_key(configuration: Configuration) -> Found:
    """CloudWatch cannot use the key, and drops the alarm silently."""
    notified = {
        topic.address
        for alarm in configuration.all("cloudwatch_metric_alarm", "cloudwatch_composite_alarm")
        for action in alarm.body.get("alarm_actions") or ()
        if (topic := configuration.target(action)) is not None
    }
    for topic in configuration.all("sns_topic"):
        if topic.address not in notified or not topic.body.get("kms_master_key_id"):
            continue
        key = configuration.target(topic.body["kms_master_key_id"])
        if topic.text("kms_master_key_id") == "alias/aws/sns" or (
            key is not None and not _allows(configuration, key, "cloudwatch.amazonaws.com")
        ):
            yield (
                topic.where,
                "is encrypted with a key that CloudWatch may not use, so that alarms are dropped",
                "allow cloudwatch.amazonaws.com kms:Decrypt and kms:GenerateDataKey* in the key's policy",
            )


def log_key(configuration: Configuration) -> Found:
    """CloudWatch Logs rejects the log group."""
    for group in configuration.all("cloudwatch_log_group"):
        key = configuration.target(group.body.get("kms_key_id"))
        if key is not None and key.kind == "kms_key" and not _allows(configuration, key, "logs."):
            yield (
                group.where,
                f"is encrypted with {key.address}, which CloudWatch Logs may not use",
                "allow logs.REGION.amazonaws.com to use it in the key's policy",
            )


def vended_log_names(configuration: Configuration) -> Found:
    """Each other name uses one of ten places in a policy of the account; without a place, a workflow cannot log."""
    for machine in configuration.all("sfn_state_machine"):
        destination = str(machine.block("logging_configuration").get("log_destination", "")).removesuffix(
            ":*"
        )
        group = configuration.target(destination)
        if group is not None and not group.text("name").startswith("/aws/vendedlogs/"):
            yield (
                group.where,
                f"its name '{group.text('name')}' uses one of the account's ten places for log policies",
                "start it with /aws/vendedlogs/states/",
            )


def _allows(configuration: Configuration, key: Resource, service: str) -> bool:
    documents = [key.text("policy")]
    documents += [
        one.text("policy")
        for one in configuration.all("kms_key_policy")
        if configuration.target(one.body.get("key_id")) is key
    ]
    for document in documents:
        try:
            statements: list[dict[str, Any]] = json.loads(document)["Statement"]
        except (ValueError, LookupError, TypeError):
            continue
        for statement in statements:
            if statement.get("Effect") == "Allow" and service in json.dumps(statement.get("Principal", "")):
                return True
    return False


def _as_list(value: object) -> list[dict[str, Any]]:
    return [] if value is None else value if isinstance(value, list) else [value]  # type: ignore[list-item]


RULES: Final = {
    "alarm-actions": alarm_actions,
    "alarm-missing": alarm_missing,
    "workflow-alarm": workflow_alarm,
    "queue-alarm": queue_alarm,
    "topic-key": topic_key,
    "log-key": log_key,
    "vended-log-names": vended_log_names,
}
