"""Synthesize a CDKTF app, deploy it to the local cloud, plan it, and get callers for it."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy_tools import (
    cdktf,
    deployer_policy,
    interrupts,
    ledger_export,
    new_project,
    new_service,
    tenants,
    terraform,
)
from deploy_tools.app import CdktfApp
from deploy_tools.callers import OPENAI_OUTPUTS, USER_OUTPUTS, Callers
from deploy_tools.cloud import chosen_environment, chosen_port, required_cloud, stop_cloud
from deploy_tools.console import heading
from deploy_tools.deploy import deploy, deployed_app, synthesize
from deploy_tools.destroy import destroy
from deploy_tools.dev import dev
from deploy_tools.errors import DeploymentError, TerraformError
from deploy_tools.hints import SCRIPT, show_hints
from deploy_tools.plan import plan
from local_cloud import __main__ as local_cloud


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Errors are messages on stderr, with the status 1."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command not in (_deploy, _destroy):
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.arguments = rest
    command: Callable[[argparse.Namespace], int] = options.command
    return interrupts.command(lambda: command(options), DeploymentError, TerraformError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=SCRIPT, description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(),
        dest="directory",
        help="folder of the app, which holds its cdktf.json (default: this one)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(command=command)
        return sub

    add("synth", _synth, "synthesize the app")
    add("serve", _serve, "deploy the app to the local cloud and leave it up")
    add("dev", _dev, "deploy the app to the local cloud, and update it whenever a file changes")
    sub = add(
        "plan", _plan, "synthesize and plan; reject a plan after which a deleted route would still be served"
    )
    sub.add_argument("stacks", nargs="*", metavar="STACK", help="name of a stack (default: all)")
    add("deploy", _deploy, "run `cdktf deploy`: to the local cloud, or with ENVIRONMENT=dev or prod to AWS")
    add("token", _token, "print the ID token of a new user of the local cloud's user pool")
    add("openai", _openai, "print the address and a key of the local cloud's language models, for `eval`")
    tenants.add_arguments(
        add("tenants", _tenants, "list, create, change and revoke tenants and their keys, locally or on AWS")
    )
    ledger_export.add_arguments(
        add("export-ledger", _export_ledger, "export the ledger to S3 by DynamoDB, locally or on AWS")
    )
    sub = add("logs", _logs, "follow the logs of the local cloud")
    sub.add_argument(
        "function", nargs="?", metavar="FUNCTION", help="name of a function (default: the requests)"
    )
    add("down", _down, "stop the local cloud")
    add("destroy", _destroy, "run `cdktf destroy`, after a list of what stays in AWS")
    add("deployer-policy", _deployer_policy, "write the IAM policies with the rights that a deployer needs")
    sub = add("new-service", _new_service, "create the folder of another service")
    sub.add_argument("name", metavar="NAME", help="name of the service, such as greeting")
    sub = add("new-project", _new_project, "create a project of your own, with one service")
    sub.add_argument("folder", metavar="DIR", type=Path, help="folder of the project, such as ../shop")
    add("doctor", _doctor, "print which Terraform and which AWS provider will be used")
    return parser


def _app(options: argparse.Namespace) -> CdktfApp:
    return CdktfApp.in_folder(options.directory)


def _synth(options: argparse.Namespace) -> int:
    app = _app(options)
    for stack in synthesize(app, {}):
        print(f"  {stack.directory}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    app, port = _app(options), chosen_port()
    heading(f"Deploy {app.title} to the local cloud")
    show_hints(app, deploy(app, port))
    return 0


def _dev(options: argparse.Namespace) -> int:
    app, port = _app(options), chosen_port()
    return dev(app, port)


def _plan(options: argparse.Namespace) -> int:
    return plan(_app(options), options.stacks)


def _deploy(options: argparse.Namespace) -> int:
    return cdktf.run(_app(options), ["deploy", *options.arguments])


def _destroy(options: argparse.Namespace) -> int:
    return destroy(_app(options), options.arguments)


def _token(options: argparse.Namespace) -> int:
    print(_callers(options, USER_OUTPUTS, "token").user_token)
    return 0


def _openai(options: argparse.Namespace) -> int:
    environment = _callers(options, OPENAI_OUTPUTS, "openai").openai_environment
    print(*(f"export {name}={shlex.quote(value)}" for name, value in environment.items()), sep="\n")
    return 0


def _tenants(options: argparse.Namespace) -> int:
    return tenants.run(options, _app(options))


def _export_ledger(options: argparse.Namespace) -> int:
    return ledger_export.run(options, _app(options))


def _callers(options: argparse.Namespace, outputs: Sequence[str], purpose: str) -> Callers:
    chosen_environment()
    app = _app(options)
    cloud = required_cloud(app.cloud_directory)
    found = deployed_app(app, cloud).with_outputs(*outputs, purpose=purpose)
    return Callers(cloud.url, found.outputs, region=found.stack.region)


def _logs(options: argparse.Namespace) -> int:
    function = [] if options.function is None else [options.function]
    return local_cloud.main(
        ["logs", "--follow", "--directory", str(_app(options).cloud_directory), *function]
    )


def _down(options: argparse.Namespace) -> int:
    print(stop_cloud(_app(options).cloud_directory))
    return 0


def _deployer_policy(options: argparse.Namespace) -> int:
    environment = chosen_environment()
    for stack in synthesize(_app(options), {}):
        for file in deployer_policy.write(stack, environment.name):
            print(f"  {file}")
    return 0


def _new_service(options: argparse.Namespace) -> int:
    new_service.create(options.name, _app(options).folder)
    return 0


def _new_project(options: argparse.Namespace) -> int:
    new_project.create(options.folder)
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    return terraform.doctor()


if __name__ == "__main__":
    sys.exit(main())
