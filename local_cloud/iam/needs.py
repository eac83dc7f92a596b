"""Permissions that a call needs: the IAM action and the resource, by service.

Operations mostly lend their names to the actions; what is here are the exceptions, and where the resource stands. A
resource that a request does not show is left open: then the action alone decides.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.iam.calls import Call
from local_cloud.iam.permissions import Need
from local_cloud.iam.s3_needs import s3_needs
from local_cloud.messages import json_object


def needs_of(call: Call) -> tuple[Need, ...]:
    """Return the permissions that a call takes; none for one that everybody may make."""
    if call.service == "s3":
        return s3_needs(call)
    reader = _READERS.get(call.service)
    return (_need(call),) if reader is None else reader(call)


_PREFIXES = {"dynamodbstreams": "dynamodb", "email": "ses", "monitoring": "cloudwatch"}

# Operations that are called otherwise as actions.
_ACTIONS = {
    ("bedrock", "Converse"): "InvokeModel",
    ("bedrock", "ConverseStream"): "InvokeModelWithResponseStream",
    ("lambda", "GetLayerVersionByArn"): "GetLayerVersion",
    ("lambda", "Invoke"): "InvokeFunction",
    ("lambda", "InvokeAsync"): "InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "InvokeFunction",
}

# Operations that know no resource: a policy must allow them on `*`.
_ON_EVERYTHING = {
    "cognito-idp": {"ListUserPools"},
    "comprehend": {"BatchDetectSentiment", "DetectDominantLanguage", "DetectKeyPhrases", "DetectSentiment"},
    "dynamodb": {"DescribeLimits", "ListTables"},
    "kms": {"CreateKey", "GenerateRandom", "ListAliases", "ListKeys"},
    "lambda": {"GetAccountSettings", "ListEventSourceMappings", "ListFunctions", "ListLayers"},
    "monitoring": {"GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData"},
    "secretsmanager": {"GetRandomPassword", "ListSecrets"},
    "sqs": {"ListQueues"},
    "ssm": {"DescribeParameters"},
    "states": {"ListActivities", "ListStateMachines"},
    "textract": {"AnalyzeDocument", "AnalyzeExpense", "AnalyzeID", "DetectDocumentText"},
    "xray": {"PutTelemetryRecords", "PutTraceSegments"},
}


def _need(call: Call, *resources: str, action: str | None = None, facts: Any = None) -> Need:
    prefix = _PREFIXES.get(call.service, call.service)
    name = action or _ACTIONS.get((call.service, call.operation), call.operation)
    resources = tuple(filter(None, resources))
    if not resources and call.operation in _ON_EVERYTHING.get(call.service, ()):
        resources = ("*",)
    return Need(f"{prefix}:{name}", resources, facts or {})


def _passed(call: Call, *roles: object) -> tuple[Need, ...]:
    """Return the permissions to pass roles to the service that is called."""
    facts = {"iam:PassedToService": f"{call.service}.amazonaws.com"}
    return tuple(
        Need("iam:PassRole", (role,), facts)
        for role in dict.fromkeys(roles)
        if isinstance(role, str) and _ROLE.fullmatch(role)
    )


_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_ROLES_OF_API = re.compile(rb'"(?:credentials|authorizerCredentials)"\s*:\s*"([^"]+)"')
_PATCHED_ROLES = ("/credentials", "/authorizerCredentials", "/cloudwatchRoleArn")


def _apigateway(call: Call) -> tuple[Need, ...]:
    body = call.request.body
    roles = [role.decode("utf-8", "replace") for role in _ROLES_OF_API.findall(body)]
    if call.operation == "PATCH":
        roles += [
            operation.get("value")
            for operation in _members(json_object(call.request.body), "patchOperations")
            if operation.get("path") in _PATCHED_ROLES
        ]
    return (_need(call, f"arn:aws:apigateway:{call.region}::{call.request.path}"), *_passed(call, *roles))


def _members(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list that is a member of a JSON object."""
    listed = content.get(name)
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _bedrock(call: Call) -> tuple[Need, ...]:
    model = call.text("modelId")
    if not model or model.partition(".")[0] in ("apac", "au", "eu", "global", "jp", "us", "us-gov"):
        # A profile stands for several models.
        return (_need(call, model if model.startswith("arn:") else ""),)
    arn = model if model.startswith("arn:") else f"arn:aws:bedrock:{call.region}::foundation-model/{model}"
    return (_need(call, arn),)


def _budgets(call: Call) -> tuple[Need, ...]:
    budget = call.parameters.get("Budget") or call.parameters.get("NewBudget") or {}
    name = call.text("BudgetName") or budget.get("BudgetName")
    arn = f"arn:aws:budgets::{call.account_id}:budget/{name}" if name else call.text("ResourceARN")
    if call.operation.endswith("Resource") or "Action" in call.operation:
        return (_need(call, arn),)
    is_read = call.operation.startswith("Describe")
    return (_need(call, arn, action="ViewBudget" if is_read else "ModifyBudget"),)


def _cloudwatch(call: Call) -> tuple[Need, ...]:
    namespace = call.text("Namespace")
    facts = {"cloudwatch:namespace": namespace} if namespace else {}
    return (_need(call, facts=facts),)


def _dynamodb(call: Call) -> tuple[Need, ...]:
    def table(name: str) -> str:
        return call.arn("dynamodb", name if name.startswith("arn:") else f"table/{name}")

    parameters = call.parameters
    if call.operation == "DescribeEndpoints":
        return ()
    if isinstance(items := parameters.get("TransactItems"), list):
        return tuple(
            _need(call, table(str(part.get("TableName", ""))), action=f"{kind}Item")
            for item in items
            if isinstance(item, dict)
            for kind, part in item.items()
            if isinstance(part, dict)
        )
    if isinstance(batch := parameters.get("RequestItems"), dict):
        return tuple(_need(call, table(name)) for name in batch)
    if statement := call.text("Statement"):
        kind = statement.split(None, 1)[0].capitalize()
        is_write = kind in ("Insert", "Update", "Delete")
        return (_need(call, action=f"PartiQL{kind if is_write else 'Select'}"),)
    if call.operation in ("BatchExecuteStatement", "ExecuteTransaction"):
        return ()  # each of its statements has an action of its own
    name = call.text("TableName")
    if not name:
        return (_need(call, call.text("ResourceArn", "TableArn", "BackupArn", "ExportArn")),)
    index = call.text("IndexName")
    resource = f"{table(name)}/index/{index}" if index else table(name)
    return (_need(call, resource, facts=_leading_key(call, name)),)


def _leading_key(call: Call, table: str) -> dict[str, str]:
    """Return the partition key of the one item that a call is about, as a condition key."""
    from moto.dynamodb.models import dynamodb_backends

    backend: Any = dynamodb_backends[call.account_id][call.region]
    present = backend.tables.get(table.rpartition("/")[2])
    item = call.parameters.get("Key", call.parameters.get("Item"))
    value = item.get(present.hash_key_attr) if present is not None and isinstance(item, dict) else None
    if not isinstance(value, dict) or len(value) != 1:
        return {}
    return {"dynamodb:LeadingKeys": str(*value.values())}


def _events(call: Call) -> tuple[Need, ...]:
    entries = call.parameters.get("Entries")
    if call.operation == "PutTargets":
        roles = [target.get("RoleArn") for target in _members(call.parameters, "Targets")]
        return (_need(call, call.arn("events", f"rule/{call.text('Rule')}")), *_passed(call, *roles))
    if call.operation != "PutEvents" or not isinstance(entries, list):
        name = call.text("Name", "Rule")
        return (_need(call, call.arn("events", f"rule/{name}") if "Rule" in call.operation and name else ""),)
    names = {str(entry.get("EventBusName") or "default") for entry in entries if isinstance(entry, dict)}
    return tuple(
        _need(call, call.arn("events", name if name.startswith("arn:") else f"event-bus/{name}"))
        for name in sorted(names or {"default"})
    )


def _iam(call: Call) -> tuple[Need, ...]:
    name = call.text("RoleName")
    if not name:
        return (_need(call, call.text("PolicyArn", "ResourceArn")),)
    from moto.iam.models import iam_backends

    roles: Any = iam_backends[call.account_id]["aws"].roles
    role = next((role for role in list(roles.values()) if role.name == name), None)
    path = call.text("Path") or "/"
    arn = f"arn:aws:iam::{call.account_id}:role{path}{name}" if role is None else str(role.arn)
    return (_need(call, arn),)


def _kms(call: Call) -> tuple[Need, ...]:
    facts = {
        f"kms:EncryptionContext:{name}": str(value)
        for name, value in (call.parameters.get("EncryptionContext") or {}).items()
    }
    if call.operation == "ReEncrypt":
        source, destination = call.text("SourceKeyId"), call.text("DestinationKeyId")
        return (
            _need(call, _key(call, source or _key_of(call)), action="ReEncryptFrom"),
            _need(call, _key(call, destination), action="ReEncryptTo"),
        )
    return (_need(call, _key(call, call.text("KeyId", "TargetKeyId") or _key_of(call)), facts=facts),)


def _key(call: Call, name: str) -> str:
    """Return the ARN of a key that is named by its id, its ARN or an alias; nothing where it is not known."""
    from moto.kms.models import kms_backends

    alias = name.rpartition(":")[2] if ":alias/" in name else name
    if alias.startswith("alias/"):
        backend: Any = kms_backends[call.account_id][call.region]
        found = next((key for key in list(backend.keys.values()) if alias in key.aliases), None)
        return "" if found is None else str(found.arn)
    return call.arn("kms", f"key/{name}") if name and not name.startswith("arn:") else name


def _key_of(call: Call) -> str:
    """Return the id of the key that something was encrypted with, which moto writes in front of it."""
    try:
        start = base64.b64decode(call.text("CiphertextBlob"))[:36]
        return start.decode("ascii") if len(start) == 36 else ""
    except (binascii.Error, ValueError):
        return ""


def _lambda(call: Call) -> tuple[Need, ...]:
    has_role = call.operation in ("CreateFunction", "UpdateFunctionConfiguration")
    body = json_object(call.request.body) if has_role else {}
    name = call.text("FunctionName") or body.get("FunctionName", "")
    if not name:
        return (_need(call, call.text("Resource", "Arn")),)
    if not name.startswith("arn:"):
        name = call.arn("lambda", f"function:{name.rpartition('function:')[2]}")
    qualifier = call.text("Qualifier")
    resource = f"{name}:{qualifier}" if qualifier and name.count(":") == 6 else name
    return (_need(call, resource), *_passed(call, body.get("Role")))


def _logs(call: Call) -> tuple[Need, ...]:
    group = call.text("logGroupName", "logGroupIdentifier")
    if not group:
        return (_need(call, call.text("resourceArn")),)
    name = group.split(":log-group:", 1)[-1].removesuffix(":*")
    arn = call.arn("logs", f"log-group:{name}")
    return (_need(call, f"{arn}:log-stream:{call.text('logStreamName')}", arn),)


def _secrets(call: Call) -> tuple[Need, ...]:
    name = call.text("SecretId")
    if not name:
        return (_need(call),)
    from moto.secretsmanager.models import secretsmanager_backends

    secret: Any = secretsmanager_backends[call.account_id][call.region].secrets.get(name)
    return (_need(call, call.arn("secretsmanager", f"secret:{name}") if secret is None else str(secret.arn)),)


def _sns(call: Call) -> tuple[Need, ...]:
    if call.operation == "Publish" and call.text("PhoneNumber"):
        return (_need(call, "*"),)
    if subscription := call.text("SubscriptionArn"):
        return (_need(call, subscription.rpartition(":")[0]),)
    name = call.text("Name") if call.operation == "CreateTopic" else ""
    topic = call.text("TopicArn", "TargetArn", "ResourceArn")
    return (_need(call, call.arn("sns", name) if name else topic, action=_of_batch(call)),)


def _sqs(call: Call) -> tuple[Need, ...]:
    account_id, _, name = (call.text("QueueUrl") or call.request.path).rstrip("/").rpartition("/")
    account_id = account_id.rpartition("/")[2] or call.text("QueueOwnerAWSAccountId") or call.account_id
    name = name or call.text("QueueName")
    arn = f"arn:aws:sqs:{call.region}:{account_id}:{name}" if name else ""
    return (_need(call, arn, action=_of_batch(call)),)


def _of_batch(call: Call) -> str:
    return call.operation.removesuffix("Batch")


def _ssm(call: Call) -> tuple[Need, ...]:
    def parameter(name: str) -> str:
        return call.arn("ssm", f"parameter/{name.strip('/').rpartition(':parameter/')[2]}")

    if isinstance(names := call.parameters.get("Names"), list):
        return tuple(_need(call, parameter(str(name))) for name in names)
    if call.operation == "GetParametersByPath":
        path = call.arn("ssm", f"parameter/{call.text('Path').strip('/')}")
        return (_need(call, path, f"{path}/"),)
    name = call.text("Name")
    return (_need(call, parameter(name) if "Parameter" in call.operation and name else ""),)


def _states(call: Call) -> tuple[Need, ...]:
    arn = call.text("stateMachineArn", "executionArn", "activityArn", "mapRunArn", "resourceArn")
    if call.operation == "CreateStateMachine":
        arn = call.arn("states", f"stateMachine:{call.text('name')}")
    if ":stateMachine:" not in arn:
        return (_need(call, arn),)
    parts = arn.split(":")  # a version or an alias is not part of the resource, but a condition key
    facts = {"states:StateMachineQualifier": parts[7]} if len(parts) > 7 else {}
    return (_need(call, ":".join(parts[:7]), facts=facts), *_passed(call, call.text("roleArn")))


def _sts(call: Call) -> tuple[Need, ...]:
    if call.operation != "AssumeRole":
        return ()
    named = {"sts:ExternalId": call.text("ExternalId"), "sts:RoleSessionName": call.text("RoleSessionName")}
    return (_need(call, call.text("RoleArn"), facts={key: value for key, value in named.items() if value}),)


def _named(service: str, resource: str, *members: str) -> Callable[[Call], tuple[Need, ...]]:
    """Return a reader for calls that name their resource, or its ARN, by one of some members."""

    def read(call: Call) -> tuple[Need, ...]:
        name = call.text(*members)
        if not name or name.startswith("arn:"):
            return (_need(call, name),)
        return (_need(call, call.arn(service, f"{resource}/{name}")),)

    return read


_READERS: dict[str, Callable[[Call], tuple[Need, ...]]] = {
    "apigateway": _apigateway,
    "bedrock": _bedrock,
    "budgets": _budgets,
    "cognito-idp": _named("cognito-idp", "userpool", "UserPoolId", "userPoolId", "ResourceArn"),
    "dynamodb": _dynamodb,
    "dynamodbstreams": _named("dynamodb", "table", "StreamArn"),
    "events": _events,
    "execute-api": lambda call: (_need(call, action="ManageConnections"),),
    "firehose": _named("firehose", "deliverystream", "DeliveryStreamName"),
    "iam": _iam,
    "kinesis": _named("kinesis", "stream", "StreamARN", "StreamName"),
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "monitoring": _cloudwatch,
    "secretsmanager": _secrets,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _ssm,
    "states": _states,
    "sts": _sts,
}
