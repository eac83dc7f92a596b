"""What is wrong with a template: found while it is read, or while it runs."""

from __future__ import annotations


class VelocityError(Exception):
    """A template cannot be read or evaluated; the message says where and why."""
