"""Permissions of AWS services to invoke a function's alias: at most about 50."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from cdktf_cdktf_provider_aws.lambda_alias import LambdaAlias
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from constructs_lib.checks import path_of
from constructs_lib.errors import LimitExceededError
from constructs_lib.functions.alias import ALIAS
from constructs_lib.references import address, attribute, make
from constructs_lib.templates import without_references

MAX_POLICY_BYTES: Final = 20_480
"""Lambda's quota for the resource policy of one alias: 20 KB, about 50 permissions."""


@dataclass(slots=True, kw_only=True)
class CallerPermissions:
    """Permissions of an alias, whose size is counted as they are added.

    Attributes:
        function_name: Name of the function in AWS.
        region: Region of the function.
        function: The function.
        alias: Alias of the function.
        policy_bytes: Size of the alias's resource policy in bytes.
    """

    function_name: str
    region: str
    function: LambdaFunction
    alias: LambdaAlias
    policy_bytes: int = len('{"Version":"2012-10-17","Id":"default","Statement":[]}')

    def add(
        self, scope: Construct, construct_id: str, *, principal: str, source_arn: str
    ) -> LambdaPermission:
        """Add a permission; see `Function.add_permission`."""
        where = path_of(scope)
        self.check(where, principal=principal, source_arn=source_arn)
        self.policy_bytes += self._statement_bytes(where, principal, source_arn)
        return make(
            LambdaPermission,
            scope,
            construct_id,
            # An interrupted apply can leave a permission that the state does not list; a fixed name would
            # collide with it.
            statement_id_prefix=_statement_prefix(where),
            action="lambda:InvokeFunction",
            function_name=attribute(self.function, "function_name"),
            qualifier=attribute(self.alias, "name"),
            principal=principal,
            source_arn=source_arn,
            lifecycle={"replace_triggered_by": [f"{address(self.alias)}.id"]},
        )

    def check(self, where: str, *, principal: str, source_arn: str) -> None:
        """Check the size with one more permission; see `Function._check_permission`."""
        size = self.policy_bytes + self._statement_bytes(where, principal, source_arn)
        if size > MAX_POLICY_BYTES:
            raise LimitExceededError(
                where,
                f"the permissions of function '{self.function_name}' would take about {size} bytes and Lambda allows "
                f"{MAX_POLICY_BYTES}",
                "let one ANY method or one {proxy+} resource take several routes, or divide the function",
            )

    def _statement_bytes(self, where: str, principal: str, source_arn: str) -> int:
        arn = f"arn:aws:lambda:{self.region}:{'1' * 12}:function:{self.function_name}:{ALIAS}"
        text = without_references(source_arn)
        source = (
            text if text == source_arn else f"arn:aws:execute-api:{self.region}:{'1' * 12}:{'a' * 10}{text}"
        )
        statement = {
            "Sid": _statement_prefix(where) + "0" * 26,
            "Effect": "Allow",
            "Principal": {"Service": principal},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
            "Condition": {"ArnLike": {"AWS:SourceArn": source}},
        }
        return len(json.dumps(statement, separators=(",", ":"))) + 1


def _statement_prefix(where: str) -> str:
    # Short, because the id counts towards the quota. cdktf omits the id "Default" from addresses.
    words = re.sub(r"[^A-Za-z0-9]+", "-", where.replace("/Default/", "/")).strip("-")
    return f"{words[-40:].lstrip('-')}-"
