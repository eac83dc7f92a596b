"""What moto remembers belongs to the process: a cloud inside the test process begins with none of it."""

from moto.moto_api._internal import moto_api_backend


def forget_everything() -> None:
    """Remove every resource of every account from moto, as between two files of tests."""
    moto_api_backend.reset()
