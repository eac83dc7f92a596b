"""Terraform stack with the AWS provider of one region, its state and its names; `AwsStack` adds the encryption key."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import jsii
from cdktf import App, LocalBackend, S3Backend, TerraformOutput, TerraformStack
from cdktf_cdktf_provider_aws.data_aws_caller_identity import DataAwsCallerIdentity
from cdktf_cdktf_provider_aws.data_aws_partition import DataAwsPartition
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags
from constructs import Construct, IConstruct, IValidation

from constructs_lib.archive import Archive
from constructs_lib.checks import check_pattern, check_texts, check_type, note_path, path_below, path_of
from constructs_lib.claims import Claims, ClaimScope, Destination
from constructs_lib.environment import Environment
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.stack_arguments import (
    PROVIDER_VERSION,
    account_ids,
    check_state_path,
    check_tags,
    lowest_provider_version,
    region_of,
)
from constructs_lib.stack_defaults import StackDefaults
from constructs_lib.stacks import constructs_of, stack_of
from constructs_lib.state import (
    TERRAFORM_VERSION,
    S3State,
    check_state,
    make_private,
)

if TYPE_CHECKING:
    from lambda_archives import Target

FoundConstruct = TypeVar("FoundConstruct", bound=Construct)

PROVIDER_SOURCE: Final = "hashicorp/aws"

_ABOVE_THE_STACK: Final = PurePosixPath("../../..")
"""Terraform runs in `<outdir>/stacks/<stack>`. The state file is beside the output directory."""


class ProviderStack(TerraformStack):
    """Terraform configuration for one AWS region, without an encryption key. Derive stacks from `AwsStack`.

    It creates the provider, the backend and the version constraints. All paths are relative, so the same
    sources give the same `cdk.tf.json` on every machine.

    Args:
        scope: App.
        construct_id: Name of the stack.
        environment: Region, account and, for the local cloud, URL of the deployment.
        region: AWS region, such as `eu-central-1`. Pass either `environment` or `region`.
        allowed_account_ids: AWS accounts that Terraform may plan and deploy in, 12 digits each. With
            credentials of another account, it stops before it reads or creates anything. Default: the account
            of `environment`, or any account.
        name_prefix: Prefix of the default names in AWS. Default: `construct_id`; with `environment`, its name
            too, such as `shop-dev`.
        defaults: Defaults for its constructs. Default: `StackDefaults()`.
        state_path: File of the state, relative to the parent of the App's output directory. Readable by its
            owner only. Default: `terraform.<construct_id>.tfstate`, and with `environment`
            `terraform.<construct_id>.<environment>.tfstate`.
        state: State in S3, for stacks that several people or machines deploy. Default: the local file.
        provider_version: Constraint on the AWS provider's version. Default: `>= 5.100.0, < 7.0.0`;
            Terraform's lock file pins one.

    Raises:
        ConstructError: if an argument is not valid, or another stack of the App has the same construct_id or the same
            state.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment | None = None,
        region: str | None = None,
        allowed_account_ids: Sequence[str] | None = None,
        name_prefix: str | None = None,
        defaults: StackDefaults | None = None,
        state_path: str | None = None,
        state: S3State | None = None,
        provider_version: str = PROVIDER_VERSION,
    ) -> None:
        where = path_below(scope, construct_id)
        check_type(where, "defaults", defaults, StackDefaults)
        check_type(
            where,
            "environment",
            environment,
            Environment,
            remedy="pass Environment.from_variables(os.environ)",
        )
        tags = dict(defaults.tags) if defaults is not None else {}
        suffix = "" if environment is None else f".{environment.name}"
        local_state = f"terraform.{construct_id}{suffix}.tfstate" if state_path is None else state_path
        prefix = f"{construct_id}{suffix.replace('.', '-')}" if name_prefix is None else name_prefix
        check_pattern(
            where,
            "construct_id",
            construct_id,
            r"[A-Za-z][A-Za-z0-9-]*",
            "start with a letter and use letters, digits and '-': names in AWS start with it",
        )
        check_pattern(
            where,
            "name_prefix",
            prefix,
            r"[A-Za-z][A-Za-z0-9-]*",
            "start with a letter and use letters, digits and '-'",
        )
        code = region_of(where, environment, region)
        accounts = account_ids(
            where,
            allowed_account_ids
            if allowed_account_ids is not None
            else (() if environment is None else environment.allowed_account_ids),
        )
        check_tags(where, tags)
        check_state_path(where, local_state)
        check_state(where, state, state_path)
        minimum_provider = lowest_provider_version(where, provider_version)
        claims = Claims.of(scope)
        claims.claim_stack(where, construct_id, local_state if state is None else state)
        super().__init__(scope, construct_id)
        note_path(self, scope, construct_id)
        # Two underscores: stacks that derive from this one may use any other name for attributes of their own.
        self.__minimum_provider = minimum_provider
        self.__region = code
        self.__environment = environment
        self.__name_prefix = prefix
        self.__defaults = defaults or StackDefaults()
        self.__outputs: dict[str, TerraformOutput] = {}
        self.__folder = Path(App.of(self).outdir) / "stacks" / construct_id
        self.__staged: set[str] = set()
        self.__functions: set[str] = set()
        if self.__defaults.reserved_concurrency_of:
            self.node.add_validation(_ReservesForFunctions(self, self.__functions))
        self.__claims = claims
        self.__destination = Destination.of(where, code, accounts, environment)
        self.__sections: dict[str, dict[str, str]] = {}
        self.__provider = AwsProvider(
            self,
            "aws",
            region=code,
            allowed_account_ids=accounts or None,
            default_tags=[AwsProviderDefaultTags(tags=tags)] if tags else None,
        )
        if state is None:
            LocalBackend(self, path=str(_ABOVE_THE_STACK / local_state))
            make_private(self.__folder.parents[2] / local_state)
        else:
            self.__keep_state_in(state)
        self.add_override(
            "terraform.required_version", TERRAFORM_VERSION if state is None else state.terraform_version
        )
        self.add_override("terraform.required_providers.aws.source", PROVIDER_SOURCE)
        self.add_override("terraform.required_providers.aws.version", provider_version)
        self.__current: Construct | None = None
        self.__account_id: str | None = None
        self.__partition: DataAwsPartition | None = None

    @classmethod
    def of(cls, construct: IConstruct) -> Self:
        """Return the stack of a construct.

        Raises:
            ConstructError: if the stack is of another class.
        """
        stack = stack_of(construct)
        if not isinstance(stack, cls):
            raise InvalidArgumentError(
                path_of(construct),
                "is in a stack that is not an AwsStack",
                "derive the stack from AwsStack",
            )
        return stack

    @property
    def region(self) -> str:
        """Region, such as `eu-central-1`."""
        return self.__region

    @property
    def environment(self) -> Environment | None:
        """Environment of the stack. None for a stack with a region only."""
        return self.__environment

    @property
    def defaults(self) -> StackDefaults:
        """Defaults for the constructs of the stack."""
        return self.__defaults

    @property
    def name_prefix(self) -> str:
        """Prefix of the default names in AWS."""
        return self.__name_prefix

    @property
    def archive_target(self) -> Target:
        """Python version and architecture of the archives of the stack's services.

        Default: this machine's for the local cloud, Python 3.13 on arm64 for AWS.
        """
        from lambda_archives import Target

        if self.__defaults.archive_target is not None:
            return self.__defaults.archive_target
        if self.__environment is not None and self.__environment.is_local:
            return Target.this_machine()
        return Target(python_version="3.13", architecture="arm64")

    def physical_name(self, where: str) -> str:
        """Return the default name in AWS of the construct at a path: the stack's prefix and the path below the stack.

        Args:
            where: Path of the construct, such as `shop/orders/table`.

        Returns:
            The name, such as `shop-dev-orders-table`.
        """
        below = where.removeprefix(path_of(self)).strip("/")
        return "-".join((self.__name_prefix, *below.split("/")))

    def short_name(self, name: str) -> str:
        """Return a name in AWS without the stack's prefix."""
        return name.removeprefix(f"{self.__name_prefix}-")

    def reserved_concurrency(self, function_name: str) -> int | None:
        """Return the default reserved concurrency of a function, or None.

        Args:
            function_name: Name of the function in AWS.
        """
        name, defaults = self.short_name(function_name), self.__defaults
        self.__functions.add(name)
        return defaults.reserved_concurrency_of.get(name, defaults.reserved_concurrency)

    def find_all(self, kind: type[FoundConstruct], *, below: Construct | None = None) -> list[FoundConstruct]:
        """Return the stack's constructs of a class, in the order of their creation.

        Args:
            kind: Class.
            below: Construct whose descendants are returned. Default: the stack.
        """
        found = [one for one in constructs_of(self) if isinstance(one, kind)]
        if below is None or below is self:
            return found
        start = f"{path_of(below)}/"
        return [one for one in found if path_of(one).startswith(start)]

    def output(self, **values: Any) -> None:
        """Add Terraform outputs (`terraform output`), one for each keyword.

        Args:
            values: String, number, list or dictionary by the name of the output.

        Raises:
            ConflictError: An output of that name exists.
            InvalidArgumentError: A string contains `${...}` or `%{...}` that is not a reference.

        Example:
            >>> stack.output(region=stack.region)
        """
        for name, value in values.items():
            if name in self.__outputs:
                raise ConflictError(path_below(self, name), "exists already", "add each output once")
            check_texts(path_below(self, name), "the value of the output", value)
            self.__outputs[name] = TerraformOutput(self, name, value=value)

    @property
    def provider(self) -> AwsProvider:
        """The provider, for arguments that this class does not have."""
        return self.__provider

    @property
    def folder(self) -> Path:
        """Folder of its configuration, where Terraform runs."""
        return self.__folder

    @property
    def account_id(self) -> str:
        """Id of the account; a reference, created on first use."""
        if self.__account_id is None:
            # Read once, because cdktf creates a new token with each read of an attribute.
            self.__account_id = DataAwsCallerIdentity(self.__current_scope(), "caller_identity").account_id
        return self.__account_id

    @cached_property
    def partition(self) -> str:
        """The partition of the region (`aws`, `aws-cn`, …); a reference, created on first use."""
        return self.__partition_data().partition

    @cached_property
    def dns_suffix(self) -> str:
        """Domain of AWS's endpoints in the partition, such as `amazonaws.com`; a reference, created on first use."""
        return self.__partition_data().dns_suffix

    def __partition_data(self) -> DataAwsPartition:
        if self.__partition is None:
            self.__partition = DataAwsPartition(self.__current_scope(), "partition")
        return self.__partition

    def require_provider(
        self, where: str, feature: str, version: tuple[int, int], *, otherwise: str = ""
    ) -> None:
        """Check that every allowed version of the provider supports `feature`.

        Args:
            where: Path of the construct that needs it.
            feature: Feature that needs the version.
            version: First version that supports it.
            otherwise: Alternative to requiring the version, for the message. Default: none.

        Raises:
            ConflictError: if the constraint allows a provider older than `version`.
        """
        if self.__minimum_provider < version:
            needed = f"{version[0]}.{version[1]}.0"
            raise ConflictError(
                where,
                f"{feature} needs version {needed} of the AWS provider, and provider_version allows older ones",
                f"pass provider_version='>= {needed}, < 7.0.0' to the stack{otherwise and f', or {otherwise}'}",
            )

    def claim(
        self,
        where: str,
        kind: str,
        name: str,
        remedy: str = "choose another name",
        *,
        scope: ClaimScope = "region",
    ) -> None:
        """Claim a name that must be unique in AWS, so that a duplicate is an error at synth.

        Stacks are in different AWS accounts if their `allowed_account_ids` are disjoint. A stack without them
        may be in any account.

        Args:
            where: Path of the construct that claims it.
            kind: Kind of the name, such as `function_name`.
            name: The name.
            remedy: What to do if it is taken.
            scope: Scope of uniqueness: a region of an account, or the whole account. Default: `region`.

        Raises:
            ConflictError: Another construct of the App has the name.
        """
        self.__claims.claim(self.__destination, where, kind, name, remedy=remedy, scope=scope)

    def place_archive(self, archive: Archive) -> str:
        """Copy an archive's zip beside the stack's configuration; remove an older one.

        Returns:
            Its path relative to the stack's folder.
        """
        assets = self.folder / "assets"
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", archive.name)
        place = assets / f"{name}-{archive.digest[:12]}.zip"
        assets.mkdir(parents=True, exist_ok=True)
        self.__staged.add(place.name)
        for older in assets.glob(f"{name}-{'[0-9a-f]' * 12}.zip"):
            if older.name not in self.__staged:
                older.unlink()
        _link_or_copy(archive.zip_path, place)
        return f"assets/{place.name}"

    def place_document(self, name: str, content: str) -> Path:
        """Write a file beside the stack's configuration, where Terraform does not read it.

        Args:
            name: Name of the file. Terraform reads names that end in `.tf` and `.tf.json`.
            content: Text of the file.

        Returns:
            Its path.
        """
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
        return place

    def place_section(self, name: str, section: str, content: str) -> Path:
        """Write a section of a document beside the stack's configuration; see `place_document`.

        Args:
            name: Name of the file.
            section: Name of the section, by which the sections are sorted.
            content: Text of the section.

        Returns:
            The path of the file.
        """
        sections = self.__sections.setdefault(name, {})
        sections[section] = content
        return self.place_document(name, "\n".join(sections[one] for one in sorted(sections)))

    def __keep_state_in(self, state: S3State) -> None:
        # cdktf configures stacks that read outputs of this one from the arguments, without overrides.
        S3Backend(self, **state.readable())
        if state.locks_by_file:
            self.add_override("terraform.backend.s3.use_lockfile", True)

    def __current_scope(self) -> Construct:
        if self.__current is None:
            self.__current = Construct(self, "current")
        return self.__current


@jsii.implements(IValidation)
class _ReservesForFunctions:
    """Validation at synth, when all functions exist."""

    def __init__(self, stack: ProviderStack, functions: set[str]) -> None:
        self._stack = stack
        self._functions = functions

    def validate(self) -> list[str]:
        functions = self._functions
        return [
            f"reserved_concurrency_of names '{name}', and the stack has no such function; use one of {', '.join(sorted(functions))}"
            for name in self._stack.defaults.reserved_concurrency_of
            if name not in functions
        ]


def _link_or_copy(source: Path, place: Path) -> None:
    if place.exists():  # its name has its digest
        return
    unfinished = place.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(source, unfinished)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, unfinished)
    unfinished.replace(place)
