"""Environment of a worker: that of a function on Lambda, and nothing of the developer's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local_cloud.functions import credentials
from local_cloud.functions.environment import machine_architecture, machine_runtime
from local_cloud.functions.errors import InvalidRuntime
from tests.support.function_cloud import Cloud

IMPORTS = """
import importlib
def handler(event, context):
    found = {}
    for name in event:
        try:
            found[name] = importlib.import_module(name).__file__
        except ImportError as error:
            found[name] = None
    return found
"""


def test_only_lambdas_own_packages_can_be_imported(cloud: Cloud) -> None:
    cloud.deploy(IMPORTS)
    there = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six", "simplejson"]
    missing = ["moto", "pydantic", "aiohttp", "psutil", "pytest", "pip", "setuptools", "local_cloud", "cdktf"]
    found = cloud.call("demo", there + missing)
    runtime = str(cloud.directory / "runtime")
    assert {name for name in there if str(found[name]).startswith(runtime)} == set(there)
    assert {name: found[name] for name in missing} == dict.fromkeys(missing)


def test_boto3_makes_a_client_that_talks_to_the_local_cloud(cloud: Cloud) -> None:
    cloud.deploy(
        """
        import boto3
        def handler(event, context):
            client = boto3.client("s3")
            credentials = boto3.Session().get_credentials()
            return [client.meta.endpoint_url, client.meta.region_name, credentials.access_key]
        """
    )
    assert cloud.call("demo") == ["http://127.0.0.1:9", "us-east-1", credentials.ACCESS_KEY_ID]


def test_the_archive_wins_over_the_runtimes_packages(cloud: Cloud) -> None:
    cloud.deploy(
        {
            "app.py": "import six\ndef handler(event, context):\n    return six.mark\n",
            "six.py": "mark = 'mine'\n",
        }
    )
    assert cloud.call("demo") == "mine"


def test_the_environment_is_lambdas_and_the_functions_alone(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("SECRET_OF_THE_DEVELOPER", "x")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy")
    cloud.deploy(
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        environment={
            "TABLE": "orders",
            "TZ": "Europe/Berlin",
            "PYTHONPATH": "/more",
        },
    )
    seen = cloud.call("demo")
    home = seen.pop("HOME")
    task_root = seen.pop("LAMBDA_TASK_ROOT")
    runtime = str(cloud.directory / "runtime")
    assert Path(home).parent == cloud.directory / "homes"
    assert Path(task_root).parent == cloud.directory / "functions" / "demo"
    assert seen.pop("AWS_LAMBDA_RUNTIME_API").startswith("127.0.0.1:")
    assert seen.pop("AWS_LAMBDA_LOG_STREAM_NAME")
    assert seen.pop("_X_AMZN_TRACE_ID").startswith("Root=1-")
    seen.pop("LC_CTYPE", None)  # the interpreter itself sets it where the locale is missing
    assert seen == {
        "AWS_ACCESS_KEY_ID": credentials.ACCESS_KEY_ID,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{machine_runtime()}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "demo",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/demo",
        "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "local-cloud",
        "AWS_SESSION_TOKEN": "local-cloud",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LAMBDA_RUNTIME_DIR": runtime,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "PYTHONPATH": os.pathsep.join([task_root, runtime, "/more"]),
        "TABLE": "orders",
        "TZ": "Europe/Berlin",
        "_HANDLER": "app.handler",
    }


def test_what_a_killed_cloud_left_in_the_homes_is_removed(cloud: Cloud) -> None:
    (cloud.directory / "homes" / "old").mkdir(parents=True)
    cloud.deploy("def handler(event, context): pass\n")
    cloud.call("demo")
    assert len(list((cloud.directory / "homes").iterdir())) == 1
    assert not (cloud.directory / "homes" / "old").exists()


def test_a_function_runs_in_its_task_root_and_group_with_a_home_that_goes_with_the_worker(
    cloud: Cloud,
) -> None:
    cloud.deploy(
        """
        import os, pathlib, sys
        def handler(event, context):
            (pathlib.Path.home() / "kept").write_text("x")
            return [os.getcwd(), os.environ["LAMBDA_TASK_ROOT"], os.getpgrp() == os.getpid(), str(pathlib.Path.home()),
                    sys.stdin.read(), sys.flags.no_site]
        """
    )
    cwd, root, leads, home, stdin, no_site = cloud.call("demo")
    assert (cwd == root, leads, stdin, no_site) == (True, True, "", 1)
    assert (Path(home) / "kept").exists()
    cloud.run(cloud.executor.close())
    assert not Path(home).exists()


def test_text_is_utf8_whatever_the_locale(cloud: Cloud) -> None:
    cloud.deploy(
        "import sys\ndef handler(event, context):\n    print('grüße')\n    return [sys.stdout.encoding, open(__file__).encoding]\n"
    )
    result = cloud.invoke("demo")
    assert result.payload.lower() == b'["utf-8", "utf-8"]'
    assert "grüße\n" in result.log_tail


def test_layers_are_on_the_search_path_behind_the_archive_a_later_one_wins(cloud: Cloud) -> None:
    import base64

    from tests.support.zips import archive

    arns = []
    for name, files in {
        "one": {
            "python/shared.py": "who = 'one'",
            "python/app.py": "wrong = 1",
            "python/only_one.py": "x = 1",
        },
        "two": {"python/shared.py": "who = 'two'"},
    }.items():
        content = {"ZipFile": base64.b64encode(archive(files)).decode()}
        arns.append(cloud.backend.publish_layer_version({"LayerName": name, "Content": content}).arn)
    cloud.deploy(
        "import shared, only_one\ndef handler(event, context):\n    return [shared.who, only_one.x]\n",
        Layers=arns,
    )
    assert cloud.call("demo") == ["two", 1]


def test_another_python_is_refused_with_what_to_do(cloud: Cloud) -> None:
    cloud.deploy("", Runtime="python3.9")
    with pytest.raises(InvalidRuntime) as error:
        cloud.invoke("demo")
    assert error.value.message == (
        f"Function 'demo' (version $LATEST) asks for runtime python3.9, but the local cloud runs under "
        f"python{sys.version_info.major}.{sys.version_info.minor}. Archives of environment `local` are built for this "
        "machine: synthesize with ENVIRONMENT=local and apply again, or start the local cloud with the Python that "
        "the function asks for."
    )


def test_another_architecture_is_refused_with_what_to_do(cloud: Cloud) -> None:
    other = {"x86_64": "arm64", "arm64": "x86_64"}[machine_architecture()]
    cloud.deploy("", Architectures=[other])
    with pytest.raises(InvalidRuntime) as error:
        cloud.invoke("demo")
    assert error.value.message == (
        f"Function 'demo' (version $LATEST) is built for {other}, but this machine is {machine_architecture()}. "
        "Archives of environment `local` are built for this machine: synthesize with ENVIRONMENT=local and apply again."
    )


def test_a_container_image_is_refused(cloud: Cloud) -> None:
    cloud.deploy("", Code={"ImageUri": "repo:tag"}, PackageType="Image")
    with pytest.raises(InvalidRuntime) as error:
        cloud.invoke("demo")
    assert error.value.message == (
        "Function 'demo' (version $LATEST) is a container image; the local cloud runs zip archives only. "
        "Deploy it from an archive."
    )
