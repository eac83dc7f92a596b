"""Builder of an archive from its recipe, if the cache has none.

1. The layer, which is the wheels' part of the archive, is looked up or made: pip fetches the wheels, the build script
   changes them, patterns leave files out, debug symbols go. It is a zip file of its own, so that a changed handler
   costs no more than copying it.
2. Layer and sources become the archive: checked for clashes, patterns that match nothing, a handler that is not there
   and for size, and written.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lambda_archives.build_script import run_build_script
from lambda_archives.cache import ARCHIVE, LAYER, LAYERS, ArchiveCache, Record, file_stem
from lambda_archives.elf import strip_symbols
from lambda_archives.errors import ArchiveError
from lambda_archives.members import check_patterns_matched, check_size, exclude_members, merge_members
from lambda_archives.recipe import Recipe
from lambda_archives.requirements import read_requirements
from lambda_archives.wheels import download_wheels, wheel_members
from lambda_archives.zip_reader import zip_members
from lambda_archives.zip_writer import Member, MemoryBytes, write_zip

logger = logging.getLogger("lambda_archives")

_SHARED_OBJECT = re.compile(r".*\.so(\.\d+)*")
_BUNDLED_LIBRARIES = re.compile(r"(.*/)?[^/]+\.libs/")


def build(recipe: Recipe, cache: ArchiveCache, pip: Sequence[str]) -> tuple[Path, Record]:
    """Create the archive of `recipe` and keep it in `cache`.

    Args:
        recipe: Contents of the archive.
        cache: The folder for this archive and target.
        pip: The command of pip.

    Returns:
        The zip file, and what is known about it.

    Raises:
        ArchiveError: if it cannot be made as asked.
    """
    started = time.monotonic()
    archives = cache.folder.parent
    layers = ArchiveCache(archives / f"{LAYERS}-{recipe.target.slug}")
    with cache.workspace() as folder:
        layer_members, layer = _layer(recipe, layers, pip)
        sources, matched = recipe.own_members()
        members = merge_members(recipe.where, [*layer_members, *sources])
        paths = [member.path for member in members]
        if recipe.target.for_linux:  # the wheels of other systems hold other files
            found = matched.union(layer.matched if layer else ())
            check_patterns_matched(recipe.where, recipe.exclude, found, paths)
        _check_handler(recipe, paths)
        record = _write(folder / "archive.zip", recipe.name, recipe.where, members)
        record = replace(record, parts=(layer.zip_name,) if layer else ())
        archive = cache.keep(f"{ARCHIVE}-{recipe.archive_key}", folder / "archive.zip", record)
    cache.prune()
    layers.prune_layers(archives)
    logger.info(
        "%s: archive for %s made in %.1f s: %.1f MB, %.1f MB unpacked",
        recipe.name,
        recipe.target,
        time.monotonic() - started,
        record.zip_bytes / 1e6,
        record.unpacked_bytes / 1e6,
    )
    return archive, record


def _layer(
    recipe: Recipe, layers: ArchiveCache, pip: Sequence[str]
) -> tuple[Iterable[Member], Record | None]:
    """Return the members that are not sources, and the record of the zip file that holds them."""
    if not recipe.has_layer:
        return (), None
    key = f"{LAYER}-{recipe.layer_key}"
    file, record = layers.find(key) or _make_layer(recipe, layers, pip, key)
    return zip_members(file, origin=str(recipe.requirements or recipe.build)), record


def _make_layer(recipe: Recipe, layers: ArchiveCache, pip: Sequence[str], key: str) -> tuple[Path, Record]:
    with layers.workspace() as folder:
        members: list[Member] = []
        if recipe.requirements is not None:
            requirements = read_requirements(recipe.requirements, recipe.target)
            logger.info("%s: fetching %d wheels for %s", recipe.name, len(requirements), recipe.target)
            wheels = download_wheels(
                requirements, lock=recipe.requirements, target=recipe.target, folder=folder, pip=pip
            )
            members = [member for wheel in wheels for member in wheel_members(wheel)]
        if recipe.build is not None:
            logger.info("%s: running %s", recipe.name, recipe.build.name)
            staging = folder / "staging"
            staging.mkdir()
            # Files that clash cannot be unpacked; what the patterns leave out may still be of use to the script.
            members = run_build_script(recipe.build, merge_members(recipe.where, members), staging)
        members, matched = exclude_members(members, recipe.left_out)
        members = merge_members(recipe.where, members)
        if recipe.strip:
            members = [_stripped(member) for member in members]
        record = _write(folder / "layer.zip", LAYER, recipe.where, members)
        record = replace(record, matched=tuple(sorted(matched)))
        if key != f"{LAYER}-{recipe.layer_key}":
            raise ArchiveError(
                f"{recipe.where}: requirements or build script changed while they were used; try again"
            )
        return layers.keep(key, folder / "layer.zip", record), record


def _stripped(member: Member) -> Member:
    """The member without debug symbols. Bundled libraries were rewritten by the wheel's makers and stay untouched."""
    if not _SHARED_OBJECT.fullmatch(member.path) or _BUNDLED_LIBRARIES.match(member.path):
        return member
    data = strip_symbols(member.read())
    return member if data is None else replace(member, size=len(data), content=MemoryBytes(data))


def _check_handler(recipe: Recipe, paths: Sequence[str]) -> None:
    if not paths:
        raise ArchiveError(f"{recipe.where}: every file is left out by exclude; remove a pattern")
    if recipe.handler is None:
        return
    module, _, function = recipe.handler.rpartition(".")
    base = module.replace(".", "/")
    if not function or {f"{base}.py", f"{base}/__init__.py"}.isdisjoint(paths):
        raise ArchiveError(
            f"{recipe.where}: handler {recipe.handler!r} names no module of the archive ({base}.py); correct it or "
            "include the module"
        )


def _write(file: Path, name: str, where: str, members: Sequence[Member]) -> Record:
    unpacked = check_size(where, members)
    written = write_zip(file, members)
    return Record(
        zip_name=f"{file_stem(name)}-{written.sha256[:16]}.zip",
        sha256=written.sha256,
        zip_bytes=written.size,
        unpacked_bytes=unpacked,
    )
