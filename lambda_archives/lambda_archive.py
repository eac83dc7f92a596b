"""The public class: asks for an archive and answers what a Lambda function needs to know about it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambda_archives.cache import ARCHIVE, ArchiveCache, default_cache, file_stem
from lambda_archives.errors import ArchiveError
from lambda_archives.package_file import find_project_root, read_package_file
from lambda_archives.progress import report_begun, report_ready
from lambda_archives.recipe import Recipe, package_recipe
from lambda_archives.request import ArchiveRequest
from lambda_archives.target import Target


class LambdaArchive:
    """The zip file of a Lambda function: a folder of code, and the wheels that it needs.

    The file is made when the object is, unless one was made before from the same sources, requirements and target: then
    the sources are read once, and nothing else is. The same request gives the same bytes on every machine. Files are
    0644, or 0755 if their owner may execute them, since Lambda reads them as another user and a function may start
    programs that it ships. Caches of interpreters and tools, editors' backups and `.env` files are never in it.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = tempfile.TemporaryDirectory()
        >>> source = Path(folder.name) / "greeter"
        >>> source.mkdir()
        >>> _ = (source / "app.py").write_text("def handler(event, context): return 'hello'")
        >>> target = Target(python_version="3.13", architecture="arm64")
        >>> archive = LambdaArchive(source, target=target, cache=Path(folder.name) / "cache")
        >>> archive.name, archive.unpacked_bytes
        ('greeter', 43)
        >>> folder.cleanup()

    Args:
        source: A folder; what is in it goes to the root of the zip. Symbolic links must stay inside it.
        target: The runtime and processor that the wheels are for.
        requirements: A lock file of pinned, hashed requirements. The archive contains the wheels of exactly
            these; list dependencies too. Default: none; the archive has only the sources.
        exclude: Glob patterns on the zip's paths of what to leave out, such as `numpy/**/tests/**`; `**` stands for any
            number of folders. Each must match something.
        name: Name of the archive. Default: the folder's name.
        cache: Folder for built archives. Default: the environment variable `LAMBDA_ARCHIVES_CACHE`; if unset,
            `.cache/archives` in the project (the nearest folder above with a `cdktf.json`) or in the current
            directory.
        pip: Command that runs pip. Default: the pip of the running interpreter.

    Raises:
        ArchiveError: if the archive cannot be made as asked.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        target: Target,
        requirements: str | Path | None = None,
        exclude: Sequence[str] = (),
        name: str | None = None,
        cache: str | Path | None = None,
        pip: Sequence[str] | None = None,
    ) -> None:
        folder = Path(source).absolute()
        if isinstance(exclude, str):
            raise ArchiveError(f"{folder}: exclude is the string {exclude!r}; make it a list of patterns")
        request = ArchiveRequest(
            source=folder,
            target=target,
            cache=_cache_folder(cache, find_project_root(folder) or Path.cwd()),
            name=name,
            requirements=Path(requirements).absolute() if requirements is not None else None,
            exclude=tuple(exclude),
        )
        recipe = request.recipe()
        self._finish(request, recipe, recipe.name, pip)

    @classmethod
    def from_package(
        cls,
        package: str | Path,
        *,
        target: Target,
        root: str | Path | None = None,
        generated: Mapping[str, bytes] | None = None,
        cache: str | Path | None = None,
        pip: Sequence[str] | None = None,
    ) -> LambdaArchive:
        """The archive that a `package.toml` describes.

        Its keys: `include` (files and folders, relative to the project's root; they keep their paths), `requirements`
        (a lock file, relative to the package file), `exclude` (glob patterns, each
        of which must match), `exclude_if_present` (patterns of what only some targets have), `handler` (checked to be there), `build`
        (a Python script, run on the folder of installed wheels before `exclude` applies), `build_inputs` (what else the
        script reads, relative to the root) and `strip` (true takes debug symbols out of shared objects). Never shipped
        from the included folders are `package.toml`, `requirements.in`, `requirements.txt`, the build script and
        folders named `tests`.

        Args:
            package: The package file, or the folder that holds it.
            target: The runtime and processor that the wheels are for.
            root: Root folder of the project. Default: the nearest folder above the package file with a
                `cdktf.json`.
            generated: Further files by their paths in the zip, with their bytes. Default: none.
            cache: As for the constructor.
            pip: As for the constructor.

        Raises:
            ArchiveError: if the archive cannot be made as asked.
        """
        description = read_package_file(
            Path(package), root=Path(root).absolute() if root is not None else None
        )
        request = ArchiveRequest(
            source=description.file,
            target=target,
            cache=_cache_folder(cache, description.root),
            packaged=True,
            root=description.root,
            generated=dict(generated or {}),
        )
        recipe = package_recipe(description, target=target, cache=request.cache, generated=request.generated)
        parent = description.file.parent
        inside = parent.is_relative_to(description.root)
        archive = cls.__new__(cls)
        archive._finish(
            request, recipe, str(parent.relative_to(description.root)) if inside else recipe.name, pip
        )
        return archive

    def _finish(self, request: ArchiveRequest, recipe: Recipe, place: str, pip: Sequence[str] | None) -> None:
        report_begun(recipe.name)
        cache = ArchiveCache(request.cache / f"{file_stem(place)}-{recipe.target.slug}")
        found = cache.find(f"{ARCHIVE}-{recipe.archive_key}")
        if found is None:
            # What builds is not needed, and not loaded, when nothing has changed.
            from lambda_archives.builder import build
            from lambda_archives.wheels import default_pip

            found = build(recipe, cache, tuple(pip) if pip is not None else default_pip())
        self._recipe = recipe
        self._zip_path, self._record = found
        report_ready(request, recipe, self._record)

    @property
    def name(self) -> str:
        """The archive's name: that of the folder of its package file or code, or the one given."""
        return self._recipe.name

    @property
    def target(self) -> Target:
        """Lambda runtime and processor that the archive is built for."""
        return self._recipe.target

    @property
    def handler(self) -> str | None:
        """Lambda's handler string as the package file gives it, or None."""
        return self._recipe.handler

    @property
    def zip_path(self) -> Path:
        """The zip file, as an absolute path in the cache. It must not be changed."""
        return self._zip_path

    @property
    def source_code_hash(self) -> str:
        """The base64 SHA-256 of the zip file, as Lambda reports it of its code."""
        return base64.b64encode(bytes.fromhex(self._record.sha256)).decode("ascii")

    @property
    def digest(self) -> str:
        """The SHA-256 of the zip file in hexadecimal digits, fit for file names and object keys."""
        return self._record.sha256

    @property
    def zip_bytes(self) -> int:
        """The size of the zip file; over 50 MB it must be uploaded by way of S3."""
        return self._record.zip_bytes

    @property
    def unpacked_bytes(self) -> int:
        """The size of its files; Lambda takes up to 262,144,000."""
        return self._record.unpacked_bytes

    def __repr__(self) -> str:
        return f"LambdaArchive({self.name!r}, {self.target}, {self.zip_path.name!r})"


def _cache_folder(cache: str | Path | None, root: Path) -> Path:
    return Path(cache).absolute() if cache is not None else default_cache(root)
