"""Limit of what a tenant, a key or a route may use in a window of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from constructs_lib.checks import check_choice, check_pattern, check_range
from constructs_lib.errors import InvalidArgumentError

UsageWindow = Literal["minute", "day", "month"]
"""Window of the clock in UTC, after which the use is counted from zero."""

UsageUnit = Literal["requests", "tokens", "usd"]
"""What is counted: requests, tokens of language models, or money in US dollars."""

NANO: Final = 10**9
"""Money is kept in billionths of a US dollar, as whole numbers."""

_MOST: Final = 10**18
_SCOPE: Final = r"tenant|key|route:[a-z0-9][a-z0-9._:-]{0,127}"
_SCOPE_REMEDY: Final = (
    "use 'tenant', 'key', or 'route:NAME' with an operation or a model, such as 'route:fast'"
)
_TEXT: Final = re.compile(r"(?P<scope>[^/\s]+)/(?P<window>[a-z]+)/(?P<unit>[a-z]+)=(?P<amount>[0-9][0-9._]*)")


@dataclass(frozen=True, slots=True)
class UsageLimit:
    """The most that may be used in one window.

    Attributes:
        scope: `tenant`: all keys of the tenant together, or all users. `key`: each key, or each user. `route:NAME`: what
            the tenant uses of an operation, such as `route:vision.text`, or of a model, such as `route:fast`.
        window: `minute`, `day` or `month`, of the clock in UTC.
        unit: `requests`, `tokens` or `usd`.
        amount: The most of the unit in a window, 0 or more. Of `usd`, fractions down to a billionth, as a `Decimal` or a
            text such as `"0.50"`; of the others, a whole number.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> str(UsageLimit("tenant", "month", "usd", "49.90"))
        'tenant/month/usd=49.9'
        >>> UsageLimit.parse("key/minute/requests=60").to_json()
        ['key', 'minute', 'requests', 60]
    """

    scope: str
    window: UsageWindow
    unit: UsageUnit
    amount: int | str | Decimal

    def __post_init__(self) -> None:
        where = "UsageLimit"
        check_pattern(where, "scope", self.scope, _SCOPE, _SCOPE_REMEDY)
        check_choice(where, "window", self.window, UsageWindow)
        check_choice(where, "unit", self.unit, UsageUnit)
        if self.unit == "usd":
            nano = _nano(where, self.amount)
            object.__setattr__(self, "amount", Decimal(nano) / NANO)
        else:
            check_range(where, "amount", self.amount, 0, _MOST)

    @classmethod
    def parse(cls, text: str) -> UsageLimit:
        """Read a limit as it is printed, such as `tenant/day/usd=5`.

        Raises:
            ConstructError: The text is not a limit.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise InvalidArgumentError(
                repr(text), "is not a limit", "write SCOPE/WINDOW/UNIT=AMOUNT, such as tenant/day/usd=5"
            )
        fields: dict[str, Any] = found.groupdict()
        amount = fields["amount"].replace("_", "")
        if fields["unit"] != "usd" and amount.isdecimal():
            return cls(fields["scope"], fields["window"], fields["unit"], int(amount))
        return cls(fields["scope"], fields["window"], fields["unit"], amount)

    @classmethod
    def from_json(cls, value: Any) -> UsageLimit:
        """Read what `to_json` returns.

        Raises:
            ConstructError: The value is not a limit.
        """
        if not isinstance(value, list) or len(value) != 4:
            raise InvalidArgumentError(repr(value), "is not a limit", "write [scope, window, unit, amount]")
        scope, window, unit, amount = value
        if unit == "nano_usd" and type(amount) is int:
            return cls(scope, window, "usd", Decimal(amount) / NANO)
        return cls(scope, window, unit, amount)

    def to_json(self) -> list[str | int]:
        """Return `[scope, window, unit, amount]` as the authorizer reads it: money in whole `nano_usd`."""
        if self.unit == "usd":
            return [self.scope, self.window, "nano_usd", _nano("UsageLimit", self.amount)]
        assert isinstance(self.amount, int)  # noqa: S101 - checked when it was created
        return [self.scope, self.window, self.unit, self.amount]

    def __str__(self) -> str:
        amount = f"{self.amount.normalize():f}" if isinstance(self.amount, Decimal) else str(self.amount)
        return f"{self.scope}/{self.window}/{self.unit}={amount}"


def _nano(where: str, amount: object) -> int:
    try:
        # A float has no exact amount: 0.1 would be another number than it looks like.
        exact = (
            Decimal(amount)
            if isinstance(amount, (int, str, Decimal)) and not isinstance(amount, bool)
            else None
        )
        nano = None if exact is None else exact * NANO
    except InvalidOperation:
        nano = None
    if nano is None or not nano.is_finite() or nano != nano.to_integral_value() or not 0 <= nano <= _MOST:
        raise InvalidArgumentError(
            where,
            f"amount {amount!r} is not an amount of US dollars",
            "use 0 to 1000000000 with at most nine decimal places, such as 5 or '0.50'",
        )
    return int(nano)
