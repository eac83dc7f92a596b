"""The errors that a person at the command line gets to read: what is wrong and what to do, without a stack."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud cannot complete a command; the message is complete."""
