"""The exceptions of this package: one tree, so that one `except` clause covers it.

    ConstructError
    ├── InvalidArgumentError    an argument is wrong by itself
    ├── ConflictError           two things exclude each other
    ├── LimitExceededError      AWS would refuse it for its size, number or duration
    └── UnsafeSettingError      AWS would accept it, and it would be a security hole

    ConstructWarning            works, and a default leaves something out that is worth having

They are raised where the mistake is made, before the construct and its children exist, never while Terraform
runs.
"""

from __future__ import annotations


class ConstructError(Exception):
    """What AWS or Terraform would refuse or silently ignore, found while the constructs are put together.

    The message reads `where: problem; remedy`.

    Attributes:
        where: The path of the construct, or the name of the thing that is wrong.
        problem: What is wrong with it.
        remedy: What to do about it.
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}; {remedy}")
        self.where = where
        self.problem = problem
        self.remedy = remedy


class InvalidArgumentError(ConstructError):
    """An argument is wrong by itself: its type, its form, or a value that AWS does not know."""


class ConflictError(ConstructError):
    """Two things exclude each other: a duplicate, or two settings that cannot both hold."""


class LimitExceededError(ConstructError):
    """A quota of AWS would be exceeded: a size, a number or a duration."""


class UnsafeSettingError(ConstructError):
    """AWS would accept it, and it would be a security hole."""


class ConstructWarning(UserWarning):
    """The configuration works, and a default leaves something out that is worth having."""
