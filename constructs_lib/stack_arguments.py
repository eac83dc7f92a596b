"""Checks of the arguments of a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from constructs_lib.checks import REGION, check_known, check_pattern, check_text
from constructs_lib.errors import InvalidArgumentError

if TYPE_CHECKING:
    from constructs_lib.environment import Environment

PROVIDER_VERSION: Final = ">= 5.100.0, < 7.0.0"


def account_ids(where: str, account_ids: Sequence[str]) -> list[str]:
    """Check account IDs, and return them as a list.

    Raises:
        InvalidArgumentError: It is not valid.
    """
    if isinstance(account_ids, str) or not all(isinstance(one, str) for one in account_ids):
        raise InvalidArgumentError(
            where,
            f"allowed_account_ids is {account_ids!r}, not a list of strings",
            "pass a list such as ['123456789012']",
        )
    for account_id in account_ids:
        check_pattern(
            where, "allowed_account_ids", account_id, "[0-9]{12}", "use the 12 digits of account IDs"
        )
    return list(account_ids)


def region_of(where: str, environment: Environment | None, region: str | None) -> str:
    """Return the region of a stack from its environment or region.

    Raises:
        InvalidArgumentError: It is not valid.
    """
    if (environment is None) == (region is None):
        raise InvalidArgumentError(
            where,
            "has neither environment nor region" if region is None else "has both environment and region",
            "pass either environment=Environment.from_variables(os.environ) or region='eu-central-1'",
        )
    if environment is not None:
        return environment.region
    check_pattern(where, "region", region, REGION, "use a region's code, such as 'eu-central-1'")
    return str(region)


def check_tags(where: str, tags: Mapping[str, str]) -> None:
    """Check tags of every resource.

    Raises:
        InvalidArgumentError: It is not valid.
    """
    for key, value in tags.items():
        check_text(where, f"default tag {key!r}", f"{key} {value}")
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise InvalidArgumentError(
                where,
                f"default tag {key!r} is not valid",
                "use keys of 1 to 128 characters that do not start with 'aws:', and values of at most 256",
            )


def check_state_path(where: str, path: str) -> None:
    """Check the path of a state file.

    Raises:
        InvalidArgumentError: It is not valid.
    """
    check_known(where, "state_path", path)
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~")) or ".." in parts or "\\" in path or ":" in path:
        raise InvalidArgumentError(
            where,
            f"state_path {path!r} leads out of the project",
            "use a relative path without '..', such as 'terraform.shop.tfstate'",
        )


def lowest_provider_version(where: str, constraint: str) -> tuple[int, int]:
    """Return the lowest version that a constraint allows, as major and minor.

    Raises:
        InvalidArgumentError: It is not valid.
    """
    lowest = re.search(r"(?:^|,)\s*(?:>=|~>|=)?\s*(\d+)\.(\d+)", constraint)
    if lowest is None or (int(lowest[1]), int(lowest[2])) < (5, 100):
        raise InvalidArgumentError(
            where,
            f"provider_version {constraint!r} does not exclude versions before 5.100.0",
            f"start it with a lowest version, such as '{PROVIDER_VERSION}'",
        )
    return int(lowest[1]), int(lowest[2])
