"""Rules for all files of an archive together: exclusions, conflicting paths and the size limit."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from lambda_archives.errors import ArchiveError
from lambda_archives.patterns import compile_pattern
from lambda_archives.zip_writer import Member

MAX_UNPACKED_BYTES = 262_144_000
LARGEST_SHOWN = 5


def exclude_members(members: Iterable[Member], patterns: Sequence[str]) -> tuple[list[Member], set[str]]:
    """Return the members that no pattern matches, and the patterns that matched one."""
    compiled = [(pattern, compile_pattern(pattern)) for pattern in patterns]
    included: list[Member] = []
    matched: set[str] = set()
    for member in members:
        hits = [pattern for pattern, expression in compiled if expression.fullmatch(member.path)]
        matched.update(hits)
        if not hits:
            included.append(member)
    return included, matched


def check_patterns_matched(
    where: str, patterns: Sequence[str], matched: set[str], paths: Iterable[str]
) -> None:
    """Reject a pattern that left nothing out, since it is mistyped.

    Args:
        where: Named in the message.
        patterns: The patterns asked for.
        matched: Those that matched.
        paths: Paths in the archive, to tell a folder without `/**` from a name that does not exist.
    """
    for pattern in patterns:
        if pattern in matched:
            continue
        folder = pattern.rstrip("/")
        if any(path.startswith(f"{folder}/") for path in paths):
            raise ArchiveError(f"{where}: exclude {pattern!r} names a folder; write {folder + '/**'!r}")
        raise ArchiveError(
            f"{where}: exclude {pattern!r} matches no file of the archive; correct or remove it, or move it to "
            "exclude_if_present in the package.toml if only some targets have such a file"
        )


def merge_members(where: str, members: Iterable[Member]) -> list[Member]:
    """Return the members sorted by path, those that come twice with the same bytes only once.

    Raises:
        ArchiveError: if two files would lie at the same path, at paths that some systems take for the same, or one
            at the path of another's folder.
    """
    by_path: dict[str, Member] = {}
    for member in members:
        other = by_path.setdefault(member.path, member)
        if other is not member and (other.size != member.size or other.read() != member.read()):
            raise ArchiveError(
                f"{where}: {_origins(other, member)} both hold {member.path!r}, with different contents; leave one "
                "out with exclude"
            )
    _check_names(where, by_path)
    return [by_path[path] for path in sorted(by_path)]


def _check_names(where: str, by_path: dict[str, Member]) -> None:
    seen: dict[str, str] = {}
    for path in by_path:
        for name in (path, *_folders(path)):
            if name != path and name in by_path:
                raise ArchiveError(
                    f"{where}: {_origins(by_path[name], by_path[path])} hold the file {name!r} and a folder of that name; "
                    "leave one out with exclude"
                )
            other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
            if other != name:
                first, second = sorted((other, name))
                raise ArchiveError(
                    f"{where}: {first!r} and {second!r} are the same path on systems that ignore case or accents' "
                    "encoding; rename one or leave it out with exclude"
                )


def _folders(path: str) -> list[str]:
    names = path.split("/")[:-1]
    return ["/".join(names[:count]) for count in range(1, len(names) + 1)]


def _origins(first: Member, second: Member) -> str:
    return " and ".join(sorted({first.origin, second.origin}))


def check_size(where: str, members: Sequence[Member]) -> int:
    """Return the bytes that the members take when they are unpacked.

    Raises:
        ArchiveError: if Lambda would refuse them; the message names the largest folders.
    """
    total = sum(member.size for member in members)
    if total < MAX_UNPACKED_BYTES:
        return total
    weights: Counter[str] = Counter()
    for member in members:
        weights[member.path.split("/")[0]] += member.size
    largest = ", ".join(f"{name} {size:,}" for name, size in weights.most_common(LARGEST_SHOWN))
    raise ArchiveError(
        f"{where}: {total:,} bytes unpacked are too many, Lambda takes less than {MAX_UNPACKED_BYTES:,}; leave files out "
        f"with exclude, or debug symbols with strip = true in a package.toml. The largest: {largest}"
    )
