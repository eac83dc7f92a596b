"""Exceptions of this package, in one tree.

    ConstructError
    ├── InvalidArgumentError    an argument is not valid
    ├── ConflictError           two things exclude each other
    ├── LimitExceededError      a quota of AWS would be exceeded
    └── UnsafeSettingError      AWS would accept it, but it is insecure
    ConstructWarning            valid, but a recommended feature is off

They are raised at the call with the mistake, before the construct and its children exist, never while Terraform runs.
"""

from __future__ import annotations


class ConstructError(Exception):
    """Mistake that AWS or Terraform would reject or silently ignore, found at synth.

    The message reads `where: problem; remedy`.

    Attributes:
        where: Path of the construct, or name of the argument.
        problem: What is wrong.
        remedy: What to do.
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}; {remedy}")
        self.where = where
        self.problem = problem
        self.remedy = remedy


class InvalidArgumentError(ConstructError):
    """Argument with a wrong type, form or value."""


class ConflictError(ConstructError):
    """Conflict of two arguments or constructs, such as a duplicate."""


class LimitExceededError(ConstructError):
    """Exceeded quota of AWS: a size, a number or a duration."""


class UnsafeSettingError(ConstructError):
    """Insecure setting that AWS would accept."""


class ConstructWarning(UserWarning):
    """Valid configuration without a recommended feature."""
