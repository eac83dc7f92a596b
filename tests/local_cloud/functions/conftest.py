"""Functions that run in processes of their own, without a server in front of them."""

from tests.support.function_cloud import cloud, make_cloud

__all__ = ["cloud", "make_cloud"]
