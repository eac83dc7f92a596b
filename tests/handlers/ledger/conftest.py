"""A local cloud inside the test process."""

from tests.support.cloud_in_thread import cloud

__all__ = ["cloud"]
