"""boto3 session for the local cloud that reads none of the caller's AWS configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3

_ROOT_USER = "local"
"""Access key ID, and secret access key, of every local cloud: see local_cloud/iam/callers.py."""


def local_session(region: str) -> boto3.Session:
    """Return a session with the local cloud's credentials, without `AWS_*` variables, configuration files and proxies.

    Args:
        region: AWS region, such as `us-east-1`.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    no_files = {"config_file": os.devnull, "credentials_file": os.devnull}
    session = botocore.session.Session(
        session_vars={
            name: (in_file, None, no_files.get(name, default), convert)
            for name, (
                in_file,
                _variable,
                default,
                convert,
            ) in botocore.session.Session.SESSION_VARIABLES.items()
        }
    )
    session.set_default_client_config(Config(proxies={}))
    return boto3.Session(_ROOT_USER, _ROOT_USER, region_name=region, botocore_session=session)
