"""Runs Lambda functions on this machine: one process per concurrent invocation, under AWS's own runtime client."""

from __future__ import annotations

from local_cloud.functions.errors import (
    FunctionNotFound,
    FunctionServiceError,
    InvalidRequestContent,
    InvalidRuntime,
    InvalidZipFile,
    RequestTooLarge,
    ServiceUnavailable,
    TooManyRequests,
)
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.moto_backend import install
from local_cloud.functions.result import InvocationResult

__all__ = [
    "FunctionExecutor",
    "FunctionNotFound",
    "FunctionServiceError",
    "InvalidRequestContent",
    "InvalidRuntime",
    "InvalidZipFile",
    "InvocationResult",
    "RequestTooLarge",
    "ServiceUnavailable",
    "TooManyRequests",
    "install",
]
