"""`tenants`: the tenants of the app on the local cloud, or with ENVIRONMENT=dev or prod on AWS."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from constructs_lib.errors import ConstructError
from constructs_lib.metering.tenant_records import ALL, USERS, NewKey, TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from deploy_tools.app import CdktfApp
from deploy_tools.deployment import open_deployment
from deploy_tools.errors import DeploymentError
from deploy_tools.tenant_register import TENANT_OUTPUTS, KeyInfo, TenantInfo, TenantRegister

_NONE: Final = "-"
_TIME: Final = "%Y-%m-%d %H:%M"
_HOUR_SECONDS: Final = 3_600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command and their options to its parser."""
    parser.add_argument(
        "--table",
        help="name of the table (default: output tenants_table; with --usage-plan, Terraform is not run)",
    )
    parser.add_argument(
        "--usage-plan", metavar="ID", help="id of the usage plan (default: output usage_plan_id)"
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, action: Any, text: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(action=action)
        return sub

    def add_tenant(sub: argparse.ArgumentParser, text: str = "id of the tenant") -> None:
        sub.add_argument("tenant", metavar="TENANT", help=text)

    def add_expiry(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--expires-days",
            type=int,
            metavar="DAYS",
            help="days after which the new key expires (default: never)",
        )

    sub = add("list", _list, "list all tenants, or one with its keys")
    sub.add_argument("tenant", nargs="?", metavar="TENANT", help="id of a tenant (default: all)")
    sub = add("add", _add, "create a tenant and print its first key, which is shown only once")
    add_tenant(sub, "id of the tenant: lower case letters, digits and '-'")
    _add_access(sub, "all", "none")
    add_expiry(sub)
    sub = add("rotate", _rotate, "print a new key, and let the valid ones expire after an overlap")
    add_tenant(sub)
    sub.add_argument(
        "--overlap-hours",
        type=float,
        default=24,
        metavar="HOURS",
        help="hours for which they stay valid (default: 24)",
    )
    add_expiry(sub)
    sub = add("revoke", _revoke, "revoke a key: the next request with it is rejected")
    add_tenant(sub)
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "key", nargs="?", metavar="KEY_ID", help="id of the key, as `tenants list TENANT` prints it"
    )
    which.add_argument("--all", action="store_true", help="revoke all keys of the tenant")
    sub = add("set", _set, "change what a tenant may use; what is not named stays as it is")
    add_tenant(sub, f"id of the tenant; {USERS} for the users of the user pool")
    sub.add_argument("--group", metavar="NAME", help=f"group of the user pool; with the tenant {USERS}")
    _add_access(sub, "unchanged", "unchanged")
    sub.add_argument("--no-limits", action="store_true", help="remove all limits")
    sub.add_argument("--no-scopes", action="store_true", help="remove all scopes")
    state = sub.add_mutually_exclusive_group()
    state.add_argument(
        "--enable", dest="enabled", action="store_true", default=None, help="let the tenant call again"
    )
    state.add_argument(
        "--disable", dest="enabled", action="store_false", help="reject all requests of the tenant"
    )
    sub = add("delete", _delete, "delete a tenant with its keys, or a group")
    add_tenant(sub)
    sub.add_argument("--group", metavar="NAME", help="delete this group only, not the tenant")


def run(options: argparse.Namespace, app: CdktfApp) -> int:
    """Run the action that the options name; return the exit status.

    Raises:
        DeploymentError: An argument is not valid, or the deployment has no tenants.
        TerraformError: Terraform cannot read the outputs.
    """
    with _register(options, app) as register:
        options.action(options, register)
    return 0


def _add_access(sub: argparse.ArgumentParser, names: str, limits: str) -> None:
    sub.add_argument(
        "--service",
        action="append",
        dest="services",
        metavar="NAME",
        help=f"service that it may use, such as vision; '*' for all; may be repeated (default: {names})",
    )
    sub.add_argument(
        "--model",
        action="append",
        dest="models",
        metavar="NAME",
        help=f"model that it may use, such as fast; '*' for all; may be repeated (default: {names})",
    )
    sub.add_argument(
        "--scope",
        action="append",
        dest="scopes",
        metavar="NAME",
        help=f"what it may do besides, such as to decide approvals; may be repeated (default: {limits})",
    )
    sub.add_argument(
        "--limit",
        action="append",
        dest="limits",
        metavar="SCOPE/WINDOW/UNIT=AMOUNT",
        help="limit such as tenant/day/usd=5, key/minute/requests=60 or route:fast/month/tokens=1000000; may be repeated "
        f"(default: {limits})",
    )


def _list(options: argparse.Namespace, register: TenantRegister) -> None:
    if options.tenant is None:
        _print_tenants(register.all())
        return
    found = register.required(options.tenant)
    _print_tenants([found])
    if found.keys:
        print()
        _print_keys(found.keys)


def _add(options: argparse.Namespace, register: TenantRegister) -> None:
    access = _access(options)
    key = register.add(options.tenant, access, expires_days=options.expires_days)
    _print_tenants([register.required(options.tenant)])
    _print_new(key)


def _rotate(options: argparse.Namespace, register: TenantRegister) -> None:
    seconds = int(options.overlap_hours * _HOUR_SECONDS)
    if seconds < 0:
        raise DeploymentError(f"--overlap-hours is {options.overlap_hours:g}; use 0 or more")
    key = register.rotate(options.tenant, overlap_seconds=seconds, expires_days=options.expires_days)
    _print_keys(register.required(options.tenant).keys)
    _print_new(key)


def _revoke(options: argparse.Namespace, register: TenantRegister) -> None:
    register.revoke(options.tenant, None if options.all else options.key)
    _print_keys(register.required(options.tenant).keys)


def _set(options: argparse.Namespace, register: TenantRegister) -> None:
    if options.no_limits and options.limits:
        raise DeploymentError("--no-limits and --limit exclude each other; pass one of the two")
    if options.no_scopes and options.scopes:
        raise DeploymentError("--no-scopes and --scope exclude each other; pass one of the two")
    limits = [] if options.no_limits else None if options.limits is None else _limits(options.limits)
    changed = register.change(
        options.tenant,
        group=options.group,
        services=options.services,
        models=options.models,
        scopes=[] if options.no_scopes else options.scopes,
        limits=limits,
        enabled=options.enabled,
    )
    _print_tenants([changed])


def _delete(options: argparse.Namespace, register: TenantRegister) -> None:
    register.delete(options.tenant, options.group)
    print(f"deleted {options.tenant}" + (f"/{options.group}" if options.group else ""))


def _access(options: argparse.Namespace) -> TenantAccess:
    try:
        return TenantAccess(
            services=options.services or [ALL],
            models=options.models or [ALL],
            scopes=options.scopes or [],
            limits=_limits(options.limits or []),
        )
    except ConstructError as error:
        raise DeploymentError(str(error)) from None


def _limits(texts: Sequence[str]) -> list[UsageLimit]:
    limits = []
    for text in texts:
        try:
            limits.append(UsageLimit.parse(text))
        except ConstructError as error:
            raise DeploymentError(f"--limit {text}: {error.problem}; {error.remedy}") from None
    return limits


@contextmanager
def _register(options: argparse.Namespace, app: CdktfApp) -> Iterator[TenantRegister]:
    """Open the register of the environment that ENVIRONMENT names."""
    if (options.table is None) != (options.usage_plan is None):
        raise DeploymentError("--table and --usage-plan go together; pass both, or neither")
    with open_deployment(app) as deployment:
        if options.table is not None:
            table, usage_plan = str(options.table), str(options.usage_plan)
        else:
            outputs = deployment.outputs(TENANT_OUTPUTS, purpose="tenants")
            table, usage_plan = (str(outputs[name]) for name in TENANT_OUTPUTS)
        yield TenantRegister(
            deployment.client("dynamodb"),
            deployment.client("apigateway"),
            table=table,
            usage_plan_id=usage_plan,
        )


def _print_new(key: NewKey) -> None:
    print(f"\nThe new key {key.key_id}. It is shown only once; the table has its hash only:\n\n{key.value}")


def _print_tenants(tenants: Sequence[TenantInfo]) -> None:
    now = time.time()
    rows = [("TENANT", "STATE", "SERVICES", "MODELS", "SCOPES", "LIMITS", "VALID KEYS", "MANAGED BY")]
    for one in tenants:
        valid = sum(key.state(now) == "valid" for key in one.keys)
        rows.append(
            (
                one.name,
                "enabled" if one.enabled else "disabled",
                _joined(one.access.services),
                _joined(one.access.models),
                " ".join(one.access.scopes) or _NONE,
                _joined(list(map(str, one.access.limits))),
                _NONE if one.tenant == USERS else str(valid),
                "the stack" if one.declared else "this command",
            )
        )
    _print_table(rows)


def _print_keys(keys: Sequence[KeyInfo]) -> None:
    now = time.time()
    rows = [("KEY", "STATE", "CREATED", "EXPIRES")]
    rows += [
        (
            key.key_id,
            key.state(now),
            _shown(key.created_at),
            _NONE if key.revoked_at else _shown(key.expires_at),
        )
        for key in keys
    ]
    _print_table(rows)


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _joined(names: Sequence[str]) -> str:
    return " ".join("all" if name == ALL else name for name in names) or "none"


def _shown(seconds: int | None) -> str:
    return _NONE if seconds is None else time.strftime(_TIME, time.localtime(seconds))
