"""The small stack that is deployed, killed and deployed again; the tests write a `main.py` that calls it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cdktf import App, TerraformOutput

from constructs_lib import (
    AwsStack,
    Deployment,
    Function,
    Input,
    Item,
    JobRunner,
    Jsonata,
    LambdaArchive,
    LambdaAuthorizer,
    LambdaIntegration,
    LambdaTask,
    Map,
    PayloadBucket,
    Public,
    RestApi,
    Stage,
    Succeed,
    Table,
    Variable,
)
from handlers.jobs.contract import jobs
from lambda_archives import Target
from tests.support.kills import STACK
from tests.support.small_api import InlineArchive
from tools.project import PROJECT

ECHO = """
import json, os, time


def handler(event, context):
    if "inputFrom" not in event:
        return {"statusCode": 200, "body": json.dumps({"said": json.loads(event["body"])["say"]})}
    import boto3

    time.sleep(1)
    objects, bucket = boto3.client("s3"), os.environ["PAYLOAD_BUCKET"]
    objects.put_object(Bucket=bucket, Key=event["outputTo"], Body=b'{"said": "done"}')
    return {"key": event["outputTo"]}
"""
GUARD = """
def handler(event, context):
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"].split("/")[0] + "/*"}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


def kill_stack(app: App, archives: Path, *, tables: int, with_jobs: bool) -> None:
    """Add the stack to an App: an API with a function, tables of fixed names and, optionally, jobs."""
    stack = AwsStack(app, STACK, region="us-east-1")
    payloads = PayloadBucket(stack, "payloads", expire_days=None, force_destroy=True) if with_jobs else None
    echo = Function(
        stack,
        "echo",
        archive=InlineArchive.make(archives, "echo", ECHO),
        environment={
            "TABLES": str(tables),
            **({} if payloads is None else {"PAYLOAD_BUCKET": payloads.name}),
        },
        timeout_seconds=20,
    )
    for number in range(tables):
        Table(
            stack,
            f"table-{number}",
            table_name=f"kill-{number}",
            partition_key="id",
            deletion_protection=False,
        )
    api = RestApi(stack, "api", name="kill")
    api.resource_for("/echo").add_method("POST", LambdaIntegration(echo), authorization=Public())
    if payloads is not None:
        _add_jobs(stack, api, echo, payloads, archives)
    stage = Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        access_log="OFF",
        execution_log="OFF",
        execute_api_endpoint=os.environ["AWS_ENDPOINT_URL"],
    )
    TerraformOutput(stack, "invoke_url", value=stage.invoke_url)


def _add_jobs(stack: AwsStack, api: RestApi, echo: Function, payloads: PayloadBucket, archives: Path) -> None:
    runner = JobRunner(
        stack,
        jobs,
        payloads=payloads,
        archive=LambdaArchive.from_package(
            PROJECT / "handlers" / "jobs" / "package.toml", target=Target.this_machine()
        ),
        deletion_protection=False,
        callbacks=False,
    )
    page = LambdaTask(
        "do a page",
        echo,
        input={
            "inputFrom": Item("input_key"),
            "outputTo": Jsonata('$states.input.output_prefix & "/done.json"'),
        },
    )
    pages = Map("the pages", Input("items"), each=page, catch_each=True, result="pages")
    runner.add_workflow("pages", pages >> Succeed("them", output={"pages": Variable("pages")}), each="pages")
    guard = Function(stack, "guard", archive=InlineArchive.make(archives, "guard", GUARD))
    callers = LambdaAuthorizer(name="guard", function=guard)
    authorization = {path: callers for operation in jobs if (path := operation.path) is not None}
    api.add_services(runner, authorization=authorization)


def main(arguments: list[str]) -> None:
    """Synthesize with the number of tables and whether there are jobs."""
    archives = Path.cwd() / "archives"
    archives.mkdir(exist_ok=True)
    app = App()
    kill_stack(app, archives, tables=int(arguments[0]), with_jobs=arguments[1] == "jobs")
    app.synth()


if __name__ == "__main__":
    main(sys.argv[1:])
