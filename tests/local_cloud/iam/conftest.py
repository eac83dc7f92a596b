"""Sessions of roles that a test makes."""

from tests.support.roles import make_role

__all__ = ["make_role"]
