"""The two functions of the jobs, with moto's DynamoDB, S3 and Step Functions."""

from tests.support.jobs import jobs

__all__ = ["jobs"]
