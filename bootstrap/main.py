"""S3 buckets that `prod` needs: Terraform's state, Lambda archives, and the input and output of jobs.

`make bootstrap ENVIRONMENT=prod` deploys them once for each account and region. Terraform's state of this stack is a file in
this folder, because no bucket exists before it.
"""

from __future__ import annotations

import os

from cdktf import App

from constructs_lib import AwsStack, Environment, PrivateBucket
from settings import PAYLOAD_DAYS, PROJECT, bucket_name

app = App()
stack = AwsStack(app, f"{PROJECT}-bootstrap", environment=Environment.from_variables(os.environ))
state = PrivateBucket(
    stack, "state", bucket_name=bucket_name("state", stack.region), versioning=True, old_versions_days=365
)
archives = PrivateBucket(stack, "archives", bucket_name=bucket_name("archives", stack.region))
payloads = PrivateBucket(
    stack, "payloads", bucket_name=bucket_name("payloads", stack.region), expire_days=PAYLOAD_DAYS
)
stack.output(STATE_BUCKET=state.name, ARCHIVE_BUCKET=archives.name, PAYLOAD_BUCKET=payloads.name)
app.synth()
