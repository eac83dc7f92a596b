"""Rights that Terraform needs in AWS, by resource type of the AWS provider; `deployer_policy` makes a policy of them.

`tests/deployed/test_deployer_policy.py` compares the table with what Terraform asks of the local cloud. AWS also checks
rights that no request names, such as that to pass a role; `UNSEEN` has them, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Conditions = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Right:
    """Actions of one service on one kind of ARN.

    Attributes:
        service: Service by its prefix in actions, such as `lambda`.
        actions: Names of the actions, separated by spaces.
        resource: ARN. `{partition}`, `{region}` and `{account}` are those of the stack, other names in braces are
            arguments of the resource. Default: every resource, for actions that AWS cannot limit.
        conditions: Condition keys and the values that they must have. Default: none.
    """

    service: str
    actions: str
    resource: str = "*"
    conditions: Conditions = ()


NAMES: Final[Mapping[str, str]] = {
    "aws_cloudwatch_event_rule": "name",
    "aws_cloudwatch_log_group": "name",
    "aws_dynamodb_table": "name",
    "aws_iam_role": "name",
    "aws_lambda_function": "function_name",
    "aws_s3_bucket": "bucket",
    "aws_sfn_state_machine": "name",
    "aws_sns_topic": "name",
    "aws_sqs_queue": "name",
}
"""Argument with the name of a resource, by its type. References to its id or ARN resolve to the name."""

UNSEEN: Final[Mapping[str, str]] = {
    "apigateway:SetWebACL": "AWS WAF needs it to associate a web ACL with a stage",
    "cognito-idp:AssociateWebACL": "AWS WAF needs it to associate a web ACL with a user pool",
    "cognito-idp:DisassociateWebACL": "AWS WAF needs it to remove a web ACL from a user pool",
    "cognito-idp:GetWebACLForResource": "AWS WAF needs it to read the association",
    "iam:CreateServiceLinkedRole": "the first resource of the kind in an account creates the role of the service",
    "kms:CreateGrant": "Lambda and DynamoDB use a key by a grant that the deployer creates",
    "kms:Decrypt": "Lambda, Step Functions and S3 decrypt what the deployer reads",
    "kms:Encrypt": "Lambda encrypts the environment variables that the deployer sets",
    "kms:GenerateDataKey": "S3 and Step Functions encrypt what the deployer writes",
    "logs:CreateLogDelivery": "AWS WAF needs it to log to CloudWatch Logs",
    "logs:DeleteLogDelivery": "as CreateLogDelivery",
    "logs:DescribeResourcePolicies": "as CreateLogDelivery",
    "logs:PutResourcePolicy": "as CreateLogDelivery",
}
"""Actions that AWS checks and no request names, with the reason."""


def _api_gateway(path: str, actions: str = "DELETE GET PATCH POST PUT") -> Right:
    return Right("apigateway", actions, f"arn:{{partition}}:apigateway:{{region}}::{path}")


def _of_account(service: str, actions: str, resource: str) -> Right:
    return Right(service, actions, f"arn:{{partition}}:{service}:{{region}}:{{account}}:{resource}")


def _service_role(service: str) -> Right:
    return Right(
        "iam",
        "CreateServiceLinkedRole",
        "arn:{partition}:iam::{account}:role/aws-service-role/*",
        (("iam:AWSServiceName", (service,)),),
    )


_API_TAGS: Final = _api_gateway("/tags/*", "DELETE GET PUT")
_REST_API: Final = (_api_gateway("/restapis*"),)
_STAGES: Final = "arn:{partition}:apigateway:{region}::/restapis/*/stages/*"
_USER_POOLS: Final = "arn:{partition}:cognito-idp:{region}:{account}:userpool/*"
_PASSED_TO: Final = (
    (
        "iam:PassedToService",
        (
            "apigateway.amazonaws.com",
            "events.amazonaws.com",
            "lambda.amazonaws.com",
            "s3.amazonaws.com",
            "states.amazonaws.com",
        ),
    ),
)


def _function(actions: str) -> tuple[Right, ...]:
    """Return rights for a function, its versions and its aliases."""
    return tuple(
        _of_account("lambda", actions, f"function:{{function_name}}{suffix}") for suffix in ("", ":*")
    )


def _bucket(actions: str, resource: str = "{bucket}") -> tuple[Right, ...]:
    return (Right("s3", actions, f"arn:{{partition}}:s3:::{resource}"),)


RIGHTS: Final[Mapping[str, tuple[Right, ...]]] = {
    "aws_acm_certificate": (
        Right("acm", "RequestCertificate"),
        _of_account(
            "acm",
            "AddTagsToCertificate DeleteCertificate DescribeCertificate ListTagsForCertificate "
            "RemoveTagsFromCertificate UpdateCertificateOptions",
            "certificate/*",
        ),
    ),
    "aws_acm_certificate_validation": (_of_account("acm", "DescribeCertificate", "certificate/*"),),
    "aws_api_gateway_account": (_api_gateway("/account", "GET PATCH"),),
    "aws_api_gateway_api_key": (_api_gateway("/apikeys*", "DELETE GET PATCH POST"), _API_TAGS),
    "aws_api_gateway_authorizer": _REST_API,
    "aws_api_gateway_base_path_mapping": (_api_gateway("/domainnames*"),),
    "aws_api_gateway_client_certificate": (
        _api_gateway("/clientcertificates*", "DELETE GET PATCH POST"),
        _API_TAGS,
    ),
    "aws_api_gateway_deployment": _REST_API,
    "aws_api_gateway_domain_name": (
        _api_gateway("/domainnames*"),
        _API_TAGS,
        _service_role("ops.apigateway.amazonaws.com"),
    ),
    "aws_api_gateway_gateway_response": _REST_API,
    "aws_api_gateway_integration": _REST_API,
    "aws_api_gateway_integration_response": _REST_API,
    "aws_api_gateway_method": _REST_API,
    "aws_api_gateway_method_response": _REST_API,
    "aws_api_gateway_method_settings": _REST_API,
    "aws_api_gateway_model": _REST_API,
    "aws_api_gateway_request_validator": _REST_API,
    "aws_api_gateway_resource": _REST_API,
    "aws_api_gateway_rest_api": (*_REST_API, _API_TAGS),
    "aws_api_gateway_rest_api_policy": (*_REST_API, _api_gateway("/restapis/*", "UpdateRestApiPolicy")),
    "aws_api_gateway_stage": (*_REST_API, _API_TAGS),
    "aws_api_gateway_usage_plan": (_api_gateway("/usageplans*", "DELETE GET PATCH POST"), _API_TAGS),
    "aws_api_gateway_usage_plan_key": (_api_gateway("/usageplans*", "DELETE GET POST"),),
    "aws_api_gateway_vpc_link": (
        _api_gateway("/vpclinks*", "DELETE GET PATCH POST"),
        _API_TAGS,
        Right(
            "ec2",
            "CreateVpcEndpointServiceConfiguration DeleteVpcEndpointServiceConfigurations "
            "DescribeVpcEndpointServiceConfigurations ModifyVpcEndpointServicePermissions",
        ),
        Right("elasticloadbalancing", "DescribeLoadBalancers"),
    ),
    "aws_appautoscaling_policy": (
        Right("application-autoscaling", "DeleteScalingPolicy DescribeScalingPolicies PutScalingPolicy"),
    ),
    "aws_appautoscaling_target": (
        Right(
            "application-autoscaling",
            "DeregisterScalableTarget DescribeScalableTargets ListTagsForResource RegisterScalableTarget TagResource "
            "UntagResource",
        ),
        _service_role("lambda.application-autoscaling.amazonaws.com"),
    ),
    "aws_bedrock_guardrail": (
        Right("bedrock", "CreateGuardrail"),
        _of_account(
            "bedrock",
            "DeleteGuardrail GetGuardrail ListTagsForResource TagResource UntagResource UpdateGuardrail",
            "guardrail/*",
        ),
    ),
    "aws_bedrock_guardrail_version": (
        _of_account("bedrock", "CreateGuardrailVersion DeleteGuardrail GetGuardrail", "guardrail/*"),
    ),
    "aws_budgets_budget": (
        Right(
            "budgets",
            "ListTagsForResource ModifyBudget TagResource UntagResource ViewBudget",
            "arn:{partition}:budgets::{account}:budget/{name}",
        ),
    ),
    "aws_cloudwatch_dashboard": (
        Right(
            "cloudwatch",
            "DeleteDashboards GetDashboard PutDashboard",
            "arn:{partition}:cloudwatch::{account}:dashboard/{dashboard_name}",
        ),
    ),
    "aws_cloudwatch_event_rule": (
        _of_account(
            "events",
            "DeleteRule DescribeRule DisableRule EnableRule ListTagsForResource PutRule TagResource UntagResource",
            "rule/{name}",
        ),
    ),
    "aws_cloudwatch_event_target": (
        _of_account("events", "ListTargetsByRule PutTargets RemoveTargets", "rule/{rule}"),
    ),
    "aws_cloudwatch_log_group": (
        Right("logs", "DescribeLogGroups"),
        _of_account(
            "logs",
            "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DisassociateKmsKey ListTagsForResource "
            "PutRetentionPolicy TagResource UntagResource",
            "log-group:{name}*",
        ),
    ),
    "aws_cloudwatch_log_resource_policy": (
        Right("logs", "DeleteResourcePolicy DescribeResourcePolicies PutResourcePolicy"),
    ),
    "aws_cloudwatch_metric_alarm": (
        Right("cloudwatch", "DescribeAlarms"),
        _of_account(
            "cloudwatch",
            "DeleteAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
            "alarm:{alarm_name}",
        ),
    ),
    "aws_cognito_resource_server": (
        _of_account(
            "cognito-idp",
            "CreateResourceServer DeleteResourceServer DescribeResourceServer UpdateResourceServer",
            "userpool/*",
        ),
    ),
    "aws_cognito_user_pool": (
        Right("cognito-idp", "CreateUserPool"),
        _of_account(
            "cognito-idp",
            "DeleteUserPool DescribeUserPool GetUserPoolMfaConfig SetUserPoolMfaConfig TagResource "
            "UntagResource UpdateUserPool",
            "userpool/*",
        ),
    ),
    "aws_cognito_user_pool_client": (
        _of_account(
            "cognito-idp",
            "CreateUserPoolClient DeleteUserPoolClient DescribeUserPoolClient UpdateUserPoolClient",
            "userpool/*",
        ),
    ),
    "aws_cognito_user_pool_domain": (
        Right("cognito-idp", "DescribeUserPoolDomain"),
        _of_account(
            "cognito-idp", "CreateUserPoolDomain DeleteUserPoolDomain UpdateUserPoolDomain", "userpool/*"
        ),
    ),
    "aws_dynamodb_table": (
        _of_account(
            "dynamodb",
            "CreateTable DeleteTable DescribeContinuousBackups DescribeTable DescribeTimeToLive ListTagsOfResource "
            "TagResource UntagResource UpdateContinuousBackups UpdateTable UpdateTimeToLive",
            "table/{name}",
        ),
    ),
    "aws_dynamodb_table_item": (
        _of_account("dynamodb", "DeleteItem GetItem PutItem UpdateItem", "table/{table_name}"),
    ),
    "aws_iam_role": (
        Right(
            "iam",
            "CreateRole DeleteRole GetRole ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies TagRole "
            "UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
            "arn:{partition}:iam::{account}:role/{name}",
        ),
        Right("iam", "PassRole", "arn:{partition}:iam::{account}:role/{name}", _PASSED_TO),
    ),
    "aws_iam_role_policy": (
        Right(
            "iam",
            "DeleteRolePolicy GetRolePolicy PutRolePolicy",
            "arn:{partition}:iam::{account}:role/{role}",
        ),
    ),
    "aws_kms_alias": (
        Right("kms", "ListAliases"),
        _of_account("kms", "CreateAlias DeleteAlias UpdateAlias", "{name}"),
        _of_account("kms", "CreateAlias DeleteAlias UpdateAlias", "key/*"),
    ),
    "aws_kms_key": (
        Right("kms", "CreateKey"),
        _of_account(
            "kms",
            "CreateGrant Decrypt DescribeKey DisableKeyRotation EnableKeyRotation Encrypt GenerateDataKey GetKeyPolicy "
            "GetKeyRotationStatus ListResourceTags PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource "
            "UpdateKeyDescription",
            "key/*",
        ),
    ),
    "aws_lambda_alias": _function("CreateAlias DeleteAlias GetAlias UpdateAlias"),
    "aws_lambda_event_source_mapping": (
        Right("lambda", "CreateEventSourceMapping"),
        _of_account(
            "lambda",
            "DeleteEventSourceMapping GetEventSourceMapping ListTags TagResource UntagResource UpdateEventSourceMapping",
            "event-source-mapping:*",
        ),
    ),
    "aws_lambda_function": _function(
        "CreateFunction DeleteFunction DeleteFunctionConcurrency GetFunction GetFunctionCodeSigningConfig "
        "GetFunctionConfiguration ListVersionsByFunction PublishVersion PutFunctionConcurrency TagResource UntagResource UpdateFunctionCode "
        "UpdateFunctionConfiguration"
    ),
    "aws_lambda_function_event_invoke_config": _function(
        "DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig"
    ),
    "aws_lambda_layer_version": (
        _of_account("lambda", "DeleteLayerVersion GetLayerVersion PublishLayerVersion", "layer:{layer_name}"),
        _of_account("lambda", "DeleteLayerVersion GetLayerVersion", "layer:{layer_name}:*"),
    ),
    "aws_lambda_permission": _function("AddPermission GetPolicy RemovePermission"),
    "aws_lambda_provisioned_concurrency_config": _function(
        "DeleteProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig PutProvisionedConcurrencyConfig"
    ),
    "aws_route53_record": (
        Right(
            "route53",
            "ChangeResourceRecordSets GetHostedZone ListResourceRecordSets",
            "arn:{partition}:route53:::hostedzone/{zone_id}",
        ),
        Right("route53", "GetChange", "arn:{partition}:route53:::change/*"),
    ),
    "aws_s3_bucket": _bucket(
        "CreateBucket DeleteBucket GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLogging "
        "GetBucketObjectLockConfiguration GetBucketPolicy GetBucketRequestPayment GetBucketTagging GetBucketVersioning "
        "GetBucketWebsite GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration ListBucket "
        "PutBucketTagging"
    ),
    "aws_s3_bucket_lifecycle_configuration": _bucket("GetLifecycleConfiguration PutLifecycleConfiguration"),
    "aws_s3_bucket_logging": _bucket("GetBucketLogging PutBucketLogging"),
    "aws_s3_bucket_notification": _bucket("GetBucketNotification PutBucketNotification"),
    "aws_s3_bucket_ownership_controls": _bucket("GetBucketOwnershipControls PutBucketOwnershipControls"),
    "aws_s3_bucket_policy": _bucket("DeleteBucketPolicy GetBucketPolicy PutBucketPolicy"),
    "aws_s3_bucket_public_access_block": _bucket("GetBucketPublicAccessBlock PutBucketPublicAccessBlock"),
    "aws_s3_bucket_replication_configuration": _bucket(
        "GetReplicationConfiguration PutReplicationConfiguration"
    ),
    "aws_s3_bucket_server_side_encryption_configuration": _bucket(
        "GetEncryptionConfiguration PutEncryptionConfiguration"
    ),
    "aws_s3_bucket_versioning": _bucket("GetBucketVersioning PutBucketVersioning"),
    "aws_s3_object": (
        *_bucket("ListBucket"),
        *_bucket("DeleteObject GetObject GetObjectTagging PutObject PutObjectTagging", "{bucket}/{key}"),
    ),
    "aws_sfn_state_machine": (
        Right("states", "ValidateStateMachineDefinition"),
        _of_account(
            "states",
            "CreateStateMachine DeleteStateMachine DescribeStateMachine ListStateMachineVersions ListTagsForResource "
            "TagResource UntagResource UpdateStateMachine",
            "stateMachine:{name}",
        ),
    ),
    "aws_sns_topic": (
        _of_account(
            "sns",
            "CreateTopic DeleteTopic GetTopicAttributes ListTagsForResource SetTopicAttributes TagResource UntagResource",
            "{name}",
        ),
    ),
    "aws_sns_topic_policy": (_of_account("sns", "GetTopicAttributes SetTopicAttributes", "{arn}"),),
    "aws_sns_topic_subscription": (
        _of_account(
            "sns", "GetSubscriptionAttributes SetSubscriptionAttributes Subscribe Unsubscribe", "{topic_arn}"
        ),
    ),
    "aws_sqs_queue": (
        _of_account(
            "sqs",
            "CreateQueue DeleteQueue GetQueueAttributes  ListQueueTags SetQueueAttributes TagQueue UntagQueue",
            "{name}",
        ),
    ),
    "aws_sqs_queue_redrive_policy": (
        _of_account("sqs", "GetQueueAttributes SetQueueAttributes", "{queue_url}"),
    ),
    "aws_wafv2_web_acl": (
        _of_account(
            "wafv2",
            "CreateWebACL DeleteWebACL GetWebACL ListTagsForResource TagResource UntagResource UpdateWebACL",
            "regional/webacl/{name}/*",
        ),
        _of_account("wafv2", "CreateWebACL UpdateWebACL", "regional/managedruleset/*/*"),
    ),
    "aws_wafv2_web_acl_association": (
        *(
            Right("wafv2", "AssociateWebACL DisassociateWebACL GetWebACLForResource", resource)
            for resource in (
                "arn:{partition}:wafv2:{region}:{account}:regional/webacl/*/*",
                _STAGES,
                _USER_POOLS,
            )
        ),
        Right("apigateway", "SetWebACL", _STAGES),
        Right("cognito-idp", "AssociateWebACL DisassociateWebACL GetWebACLForResource", _USER_POOLS),
    ),
    "aws_wafv2_web_acl_logging_configuration": (
        _of_account(
            "wafv2",
            "DeleteLoggingConfiguration GetLoggingConfiguration PutLoggingConfiguration",
            "regional/webacl/*/*",
        ),
        Right(
            "logs",
            "CreateLogDelivery DeleteLogDelivery DescribeLogGroups DescribeResourcePolicies PutResourcePolicy",
        ),
        _service_role("wafv2.amazonaws.com"),
    ),
}
"""Rights for resources, by type."""

DATA_RIGHTS: Final[Mapping[str, tuple[Right, ...]]] = {
    "aws_caller_identity": (),
    "aws_iam_policy_document": (),
    "aws_lambda_function": _function("GetFunction GetFunctionCodeSigningConfig ListVersionsByFunction"),
    "aws_partition": (),
    "aws_region": (),
    "aws_route53_zone": (
        Right("route53", "GetHostedZone ListHostedZones ListHostedZonesByName ListTagsForResource"),
    ),
    "aws_s3_bucket_policy": _bucket("GetBucketPolicy"),
}
"""Rights for data sources, by type."""

S3_STATE: Final = (
    *_bucket("ListBucket"),
    *_bucket("DeleteObject GetObject PutObject", "{bucket}/{key}*"),
)
"""Rights for a state in S3, with the arguments of its backend."""
