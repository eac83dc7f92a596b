"""Cold starts and gradual deployment: SnapStart, provisioned concurrency and weighted aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from constructs_lib.checks import check_pattern, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError

_FIRST_RUNTIME: Final = (3, 12)
_MAX_EPHEMERAL_STORAGE_MB: Final = 512
_REGIONS_WITHOUT_SNAP_START: Final = frozenset({"ap-east-2", "ap-southeast-6"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradual:
    """Gradual deployment: a share of a function's calls goes to its new version, the rest to the previous one.

    1. Read the live version: `aws lambda get-alias --function-name NAME --name live`.
    2. Together with the change of the function, pass `gradual=Gradual(stable_version="7", percent=10)`, with
    that version. After the apply, the new version receives 10 % of the calls.
    3. Raise the percentage in as many steps as you like. To roll back, undo the change of the function and
    remove `gradual`.
    4. To finish, remove `gradual`: all calls go to the new version.

    Callers use the alias and need no change. Another change of the function replaces the new version. Without
    a change there is no second version, and AWS rejects the apply.

    Attributes:
        stable_version: Number of the version that receives the rest, such as `"7"`.
        percent: Share of the new version in percent, 1-99.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> Gradual(stable_version="7", percent=10).weight
        0.1
    """

    stable_version: str
    percent: int

    def __post_init__(self) -> None:
        check_pattern(
            "Gradual",
            "stable_version",
            self.stable_version,
            r"[1-9][0-9]*",
            "pass the number of a published version, such as '7'",
        )
        check_range("Gradual", "percent", self.percent, 1, 99)

    @property
    def weight(self) -> float:
        """Share of the new version as a fraction, as Lambda expects it."""
        return self.percent / 100


def check_cold_start(
    where: str,
    *,
    runtime: str,
    region: str,
    snap_start: bool,
    provisioned_concurrency: int | None,
    reserved_concurrency: int | None,
    ephemeral_storage_mb: int,
    gradual: Gradual | None,
) -> None:
    """Check the combinations that Lambda does not allow.

    Raises:
        ConstructError: if Lambda would reject it.
    """
    if gradual is not None and not isinstance(gradual, Gradual):
        raise InvalidArgumentError(
            where,
            f"gradual is of type {type(gradual).__name__}",
            "pass Gradual(stable_version=..., percent=...)",
        )
    if provisioned_concurrency is not None:
        check_range(where, "provisioned_concurrency", provisioned_concurrency, 1, 100_000)
        if reserved_concurrency is not None and provisioned_concurrency > reserved_concurrency:
            raise ConflictError(
                where,
                f"provisioned_concurrency is {provisioned_concurrency} and reserved_concurrency {reserved_concurrency}, "
                "which it is taken from",
                "raise the second or lower the first",
            )
        if gradual is not None:
            raise ConflictError(
                where,
                "has provisioned_concurrency and gradual, and Lambda rejects provisioned concurrency on a weighted alias",
                "leave provisioned_concurrency out until all calls go to the new version",
            )
    if snap_start:
        _check_snap_start(where, runtime, region, provisioned_concurrency, ephemeral_storage_mb)


def _check_snap_start(
    where: str, runtime: str, region: str, provisioned_concurrency: int | None, ephemeral_storage_mb: int
) -> None:
    major, _, minor = runtime.removeprefix("python").partition(".")
    if not runtime.startswith("python") or (int(major), int(minor)) < _FIRST_RUNTIME:
        raise ConflictError(
            where,
            f"Lambda has no SnapStart for {runtime}",
            "build the archive for Python 3.12 or newer, or leave snap_start out",
        )
    if provisioned_concurrency is not None:
        raise ConflictError(
            where,
            "has snap_start and provisioned_concurrency, and Lambda allows one of them",
            "leave snap_start out: provisioned instances have started already",
        )
    if ephemeral_storage_mb > _MAX_EPHEMERAL_STORAGE_MB:
        raise ConflictError(
            where,
            f"has snap_start and ephemeral_storage_mb={ephemeral_storage_mb}, and Lambda allows "
            f"{_MAX_EPHEMERAL_STORAGE_MB} with it",
            "leave one of them out",
        )
    if region in _REGIONS_WITHOUT_SNAP_START:
        raise ConflictError(where, f"Lambda has no SnapStart in {region}", "leave snap_start out")
