"""All arguments of an archive, so that another process can ask for the same archive again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambda_archives.package_file import read_package_file
from lambda_archives.recipe import Recipe, directory_recipe, package_recipe
from lambda_archives.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRequest:
    """Arguments of an archive.

    Attributes:
        source: The folder of the code, or the package file; absolute.
        target: The runtime and processor that the wheels are for.
        cache: The folder that archives are kept in; absolute.
        packaged: Whether `source` is a package file.
        root: The project's root, of a package file.
        generated: Further files by their paths in the zip, of a package file.
        name: The archive's name, of a folder. Default: the folder's.
        requirements: The lock file, of a folder. Default: none.
        exclude: Glob patterns of what to leave out, of a folder. Default: none.
    """

    source: Path
    target: Target
    cache: Path
    packaged: bool = False
    root: Path | None = None
    generated: Mapping[str, bytes] = field(default_factory=dict)
    name: str | None = None
    requirements: Path | None = None
    exclude: tuple[str, ...] = ()

    def recipe(self) -> Recipe:
        """Read the sources as they are now.

        Raises:
            ArchiveError: The archive cannot be built as requested.
        """
        if self.packaged:
            package = read_package_file(self.source, root=self.root)
            return package_recipe(package, target=self.target, cache=self.cache, generated=self.generated)
        return directory_recipe(
            self.source,
            name=self.name,
            requirements=self.requirements,
            exclude=self.exclude,
            target=self.target,
            cache=self.cache,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON."""
        return {
            "source": str(self.source),
            "target": [self.target.python_version, self.target.architecture, self.target.local],
            "cache": str(self.cache),
            "packaged": self.packaged,
            "root": None if self.root is None else str(self.root),
            "generated": {path: base64.b64encode(data).decode() for path, data in self.generated.items()},
            "name": self.name,
            "requirements": None if self.requirements is None else str(self.requirements),
            "exclude": list(self.exclude),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ArchiveRequest:
        """Return the request that `to_json` was called on."""
        version, architecture, local = fields["target"]
        return cls(
            source=Path(fields["source"]),
            target=Target(python_version=version, architecture=architecture, local=local),
            cache=Path(fields["cache"]),
            packaged=fields["packaged"],
            root=None if fields["root"] is None else Path(fields["root"]),
            generated={path: base64.b64decode(data) for path, data in fields["generated"].items()},
            name=fields["name"],
            requirements=None if fields["requirements"] is None else Path(fields["requirements"]),
            exclude=tuple(fields["exclude"]),
        )
