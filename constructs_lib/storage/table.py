"""DynamoDB table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from cdktf_cdktf_provider_aws.dynamodb_table import (
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTableGlobalSecondaryIndex,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)
from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, check_pattern, check_range, path_below, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.references import attribute, token
from constructs_lib.stacks import check_same_stack

if TYPE_CHECKING:
    from constructs_lib.iam.role import Role
    from constructs_lib.kms.encryption_key import EncryptionKey

TableAction = Literal["DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"]
"""Actions on the items of a table."""

_ATTRIBUTE: Final = r"[A-Za-z][A-Za-z0-9_]{0,254}"
_INDEX_REMEDY: Final = "use 3 to 255 letters, digits and '_.-'"
_ATTRIBUTE_REMEDY: Final = "use letters, digits and '_', a letter first"


class Table(AwsConstruct):
    """DynamoDB table (`aws_dynamodb_table`) with string keys and on-demand billing.

    It is encrypted, has point-in-time recovery, and is protected against deletion by default.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        partition_key: Name of the partition key.
        sort_key: Name of the sort key. Default: none.
        indexes: Global secondary indexes: the attribute that is the key of each, by the name of the index. An index has the
            items with that attribute, and all of their attributes. Default: none.
        table_name: Name in AWS. Default: the stack's prefix and the path below the stack.
        ttl_attribute: Attribute with the time, in seconds since 1970, at which an item expires. Deletion can
            take days, so readers must check it too. Default: none.
        deletion_protection: Whether AWS refuses to delete the table, so that `terraform destroy` fails. Default: the
            stack's, True.
        recovery_days: Days of point-in-time recovery, 1-35. Operators can restore deleted and expired items
            for so long. Default: 35.
        encryption_key: Key for encryption. Default: the stack's, or else DynamoDB's own.

    Raises:
        ConstructError: if an argument is not valid, or the name is taken.

    Example:
        >>> orders = Table(stack, "orders", partition_key="customer", sort_key="order", ttl_attribute="expires_at")
        >>> orders.table_name
        'shop-orders'
        >>> orders.grant(function.role, "GetItem", "PutItem")
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        partition_key: str,
        sort_key: str | None = None,
        indexes: Mapping[str, str] | None = None,
        table_name: str | None = None,
        ttl_attribute: str | None = None,
        deletion_protection: bool | None = None,
        recovery_days: int = 35,
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        name = AwsStack.of(scope).physical_name(where) if table_name is None else table_name
        keys = [partition_key, *([] if sort_key is None else [sort_key])]
        check_pattern(
            where,
            "table_name",
            name,
            r"[A-Za-z0-9_.-]{3,255}",
            "use 3 to 255 letters, digits and '_.-'",
        )
        for argument, name_of_key in zip(("partition_key", "sort_key"), keys, strict=False):
            check_pattern(where, argument, name_of_key, _ATTRIBUTE, _ATTRIBUTE_REMEDY)
        if len(set(keys)) < len(keys):
            raise ConflictError(
                where, f"sort_key is '{sort_key}' like partition_key", "name another attribute"
            )
        for index, name_of_key in (indexes or {}).items():
            check_pattern(where, "indexes", index, r"[A-Za-z0-9_.-]{3,255}", _INDEX_REMEDY)
            check_pattern(where, f"indexes[{index!r}]", name_of_key, _ATTRIBUTE, _ATTRIBUTE_REMEDY)
        if ttl_attribute is not None:
            check_pattern(where, "ttl_attribute", ttl_attribute, _ATTRIBUTE, _ATTRIBUTE_REMEDY)
            if ttl_attribute in keys:
                raise ConflictError(where, f"ttl_attribute '{ttl_attribute}' is a key", "name another one")
        check_range(where, "recovery_days", recovery_days, 1, 35)
        stack = AwsStack.of(scope)
        key = stack.key_for(where, scope, encryption_key)
        stack.claim(where, "table_name", name)
        super().__init__(scope, construct_id)
        self._name = name
        self._key = key
        self._partition_key = partition_key
        self._sort_key = sort_key
        self._ttl_attribute = ttl_attribute
        self._indexes = tuple(indexes or {})
        self._resource = self._create(
            DynamodbTable,
            "Resource",
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=partition_key,
            range_key=sort_key,
            attribute=[
                DynamodbTableAttribute(name=one, type="S")
                for one in dict.fromkeys([*keys, *(indexes or {}).values()])
            ],
            global_secondary_index=[
                DynamodbTableGlobalSecondaryIndex(name=index, hash_key=one, projection_type="ALL")
                for index, one in indexes.items()
            ]
            if indexes
            else None,
            ttl=None
            if ttl_attribute is None
            else DynamodbTableTtl(attribute_name=ttl_attribute, enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(
                enabled=True, recovery_period_in_days=recovery_days
            ),
            server_side_encryption=None
            if key is None
            else DynamodbTableServerSideEncryption(enabled=True, kms_key_arn=attribute(key.resource, "arn")),
            deletion_protection_enabled=stack.defaults.deletion_protection
            if deletion_protection is None
            else deletion_protection,
        )

    @property
    def table_name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")

    @property
    def partition_key(self) -> str:
        """Name of the partition key."""
        return self._partition_key

    @property
    def sort_key(self) -> str | None:
        """Name of the sort key, or None."""
        return self._sort_key

    @property
    def ttl_attribute(self) -> str | None:
        """Attribute with the expiry of an item, or None."""
        return self._ttl_attribute

    @property
    def encryption_key(self) -> EncryptionKey | None:
        """Key for encryption. None if DynamoDB's own key encrypts it."""
        return self._key

    @property
    def resource(self) -> DynamodbTable:
        """The `aws_dynamodb_table`."""
        return self._resource

    def grant(self, role: Role, *actions: TableAction) -> None:
        """Allow a role actions on the table's items, and the use of its key.

        Args:
            role: Role.
            actions: Actions, at least one.

        Raises:
            ConstructError: if there is no action, one is not known, or the role has a grant for the table
                already.
        """
        where = path_of(self)
        if not hasattr(role, "add_policy"):
            raise InvalidArgumentError(
                where, f"grant is given a {type(role).__name__}", "pass a Role, such as function.role"
            )
        check_same_stack(where, self, role)
        if not actions:
            raise InvalidArgumentError(
                where, "grant has no actions", f"name one of {', '.join(get_args(TableAction))}"
            )
        for action in actions:
            check_choice(where, "action", action, TableAction)
        arn = attribute(self._resource, "arn")
        statements = [
            PolicyStatement(
                actions=[f"dynamodb:{action}" for action in sorted(set(actions))], resources=[arn]
            )
        ]
        if self._indexes and (reads := {"Query", "Scan"} & set(actions)):
            statements.append(
                PolicyStatement(
                    actions=[f"dynamodb:{action}" for action in sorted(reads)],
                    resources=[f"{arn}/index/{index}" for index in self._indexes],
                )
            )
        role.add_policy(f"table-{self._name}"[:128], *statements)
        if self._key is not None:
            self._key.grant_use(role)


@dataclass(frozen=True, slots=True)
class TableReference:
    """Table for the tasks of a workflow, which create the tokens themselves.

    Attributes:
        table: Table.
    """

    table: Table

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return self.table.arn

    @property
    def name(self) -> str:
        """Name in AWS; a reference, so that the table is created first."""
        return token(self.table.resource, "name")
