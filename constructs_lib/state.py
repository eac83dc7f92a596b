"""Terraform's state: local file or S3."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.checks import REGION, check_pattern
from constructs_lib.errors import ConflictError, InvalidArgumentError

TERRAFORM_VERSION: Final = ">= 1.5.0, < 2.0.0"
TERRAFORM_WITH_LOCK_FILES: Final = ">= 1.10.0, < 2.0.0"
"""Versions of Terraform that lock a state in S3 without a DynamoDB table."""

TERRAFORM_WITH_ROLES: Final = ">= 1.6.0, < 2.0.0"
"""Versions of Terraform whose S3 backend has `assume_role` and `endpoints`."""

_WHERE: Final = "S3State"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3State:
    """State in S3, encrypted and locked, which people and CI share.

    The bucket must exist, because a stack cannot store its state in a bucket that it creates. Enable
    versioning to restore older states. Terraform finds credentials itself, in the environment or the role of
    the machine.

    Other stacks of the App read attributes of this one from its state (`terraform_remote_state`), with the
    same region, role, endpoint and key.

    Attributes:
        bucket: Name of the bucket.
        key: Key of the object, such as `shop/prod.tfstate`.
        region: Region of the bucket.
        dynamodb_table: Name of a table with a string key `LockID` for the lock, for Terraform before 1.10. Default: none; a
            lock file beside the state.
        kms_key_id: ARN of the KMS key that encrypts the state. Default: the bucket's own key.
        role_arn: ARN of the IAM role that Terraform assumes to read and write the state. Default: none. Needs Terraform 1.6.
        endpoint_url: URL of another S3 than AWS's, with path-style addresses. Default: AWS's, or that of the
            environment variable AWS_ENDPOINT_URL_S3. Needs Terraform 1.6.

    Raises:
        InvalidArgumentError: if an argument is not valid.

    Example:
        >>> state = S3State(bucket="shop-states", key="shop/prod.tfstate", region="eu-central-1")
        >>> state.backend()
        {'bucket': 'shop-states', 'encrypt': True, 'key': 'shop/prod.tfstate', 'region': 'eu-central-1', 'use_lockfile': True}
    """

    bucket: str
    key: str
    region: str
    dynamodb_table: str | None = None
    kms_key_id: str | None = None
    role_arn: str | None = None
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        check_pattern(
            _WHERE,
            "bucket",
            self.bucket,
            r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            "use the bucket's name: 3 to 63 lower case letters, digits, '-' and '.'",
        )
        check_pattern(
            _WHERE,
            "key",
            self.key,
            r"(?!/)[A-Za-z0-9!_.*'()/-]{1,1024}(?<!/)",
            "use a path without '/' at its ends, such as 'shop/prod.tfstate'",
        )
        check_pattern(
            _WHERE,
            "region",
            self.region,
            REGION,
            "use a region's code, such as 'eu-central-1'",
        )
        if self.dynamodb_table is not None:
            check_pattern(
                _WHERE,
                "dynamodb_table",
                self.dynamodb_table,
                r"[A-Za-z0-9_.-]{3,255}",
                "use the table's name",
            )
        if self.kms_key_id is not None:
            check_pattern(
                _WHERE,
                "kms_key_id",
                self.kms_key_id,
                r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+",
                "pass the key's ARN, because deployers may be in another account",
            )
        if self.role_arn is not None:
            check_pattern(
                _WHERE,
                "role_arn",
                self.role_arn,
                r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}",
                "pass the role's ARN, such as 'arn:aws:iam::123456789012:role/terraform-state'",
            )
        if self.endpoint_url is not None:
            check_pattern(
                _WHERE,
                "endpoint_url",
                self.endpoint_url,
                r"https?://[A-Za-z0-9.\[\]:-]+/?",
                "use a URL without a path, such as 'http://127.0.0.1:4566'",
            )

    @property
    def locks_by_file(self) -> bool:
        """True if a lock file beside the state locks it (Terraform 1.10)."""
        return self.dynamodb_table is None

    @property
    def terraform_version(self) -> str:
        """Constraint on the version of Terraform."""
        if self.locks_by_file:
            return TERRAFORM_WITH_LOCK_FILES
        return (
            TERRAFORM_VERSION if self.role_arn is None and self.endpoint_url is None else TERRAFORM_WITH_ROLES
        )

    def readable(self) -> dict[str, Any]:
        """Return the arguments of the `s3` backend that readers of the state need too."""
        written = {
            "assume_role": None if self.role_arn is None else {"role_arn": self.role_arn},
            "bucket": self.bucket,
            "dynamodb_table": self.dynamodb_table,
            "encrypt": True,
            "endpoints": None if self.endpoint_url is None else {"s3": self.endpoint_url},
            "key": self.key,
            "kms_key_id": self.kms_key_id,
            "region": self.region,
            "use_path_style": None if self.endpoint_url is None else True,
        }
        return {name: value for name, value in written.items() if value is not None}

    def backend(self) -> dict[str, Any]:
        """Return the arguments of Terraform's `s3` backend."""
        return {**self.readable(), **({"use_lockfile": True} if self.locks_by_file else {})}


def make_private(state: Path) -> None:
    """Make a state file and its backup, which contain secrets in plain text, readable by the owner only.

    Terraform creates both with the umask, and keeps the mode of an existing file. It treats an empty file as
    no state.
    """
    for path in (state, state.with_name(f"{state.name}.backup")):
        with suppress(OSError):  # Terraform cannot write here either
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.chmod(0o600)


def check_state(where: str, state: object, state_path: str | None) -> None:
    """Check that a stack has one state.

    Raises:
        ConstructError: if it has two, or `state` is of another type.
    """
    if state is None:
        return
    if not isinstance(state, S3State):
        raise InvalidArgumentError(
            where,
            f"state is of type {type(state).__name__}",
            "pass S3State(...), or leave it out for a local file",
        )
    if state_path is not None:
        raise ConflictError(
            where,
            f"has both state_path {state_path!r} and a state in S3",
            "pass either state_path or state",
        )
