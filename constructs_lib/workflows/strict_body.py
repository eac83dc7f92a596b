"""Mapping template that checks a JSON body as strictly as the services do (`handlers/common/strict_json.py`).

API Gateway's own parser accepts repeated keys, NaN and unquoted strings, and reads bytes that are not UTF-8
as U+FFFD. So the template checks the text of the body too. Its regular expressions repeat only single
characters or character classes, which Java matches without recursion in linear time. None has a backslash
before a `u`, which Velocity would read as a Unicode escape.
"""

from __future__ import annotations

from typing import Final

from constructs_lib.workflows.expressions import MAX_DATA_BYTES

MAX_DEPTH: Final = 32

_HEX: Final = "[0-9a-fA-F]"
_WORD: Final = r"[-+.\w]"
_NUMBER: Final = r"-?(0|[1-9][0-9]{0,63})(\.[0-9]{1,63})?([eE][-+]?[0-9]{1,5})?"


def _removed(reference: str, *patterns: str) -> str:
    """Return a reference to a text without the matches of the patterns, applied in order."""
    return reference + "".join(f".replaceAll('{pattern}', '')" for pattern in patterns)


def _marks(reference: str) -> str:
    """Return a reference to a JSON text with every string replaced by a quotation mark."""
    return _removed(reference, r"\\.") + """.replaceAll('"[^"]*"', '"')"""


_BACKSLASHES: Final = r"\\\\"
_PAIRS: Final = rf"\\[u][dD][89abAB]{_HEX}{{2}}\\[u][dD][c-fC-F]{_HEX}{{2}}"
_HALVES: Final = rf"\\[u][dD][89a-fA-F]{_HEX}{{2}}"
_TOKENS: Final = (
    f"(?<!{_WORD}){_NUMBER}(?!{_WORD})",
    f"(?<!{_WORD})(true|false|null)(?!{_WORD})",
    r"""[",:{}\[\] \t\r\n]""",
)
_INNERMOST: Final = r"[{\[][^{}\[\]]*[}\]]"
_NO_BRACKETS: Final = r"[^{}\[\]]"
_NO_COLONS: Final = "[^:]"

_FAULTS: Final = (
    '$raw.contains("\ufffd")',
    "$texts != $whole",
    '$rest != ""',
    '$open != ""',
    "$keys != $different",
)
CHECK: Final = "\n".join(
    (
        '#set($raw = "$!input.body")',
        f"#set($large = false)#if($raw.length() > {MAX_DATA_BYTES})#set($large = true)#end",
        '#set($sound = false)#if($body.startsWith("{") && !$large)#set($sound = true)',
        f"#set($texts = {_removed('$raw', _BACKSLASHES, _PAIRS)})",
        f"#set($whole = {_removed('$texts', _HALVES)})",
        f"#set($sent = {_marks('$raw')})",
        f"#set($read = {_marks('$body')})",
        '#set($both = "$sent $read")',
        f"#set($rest = {_removed('$both', *_TOKENS)})",
        f"#set($open = {_removed('$sent', _NO_BRACKETS)})",
        f"#foreach($level in [1..{MAX_DEPTH}])#set($open = {_removed('$open', _INNERMOST)})#end",
        f"#set($keys = {_removed('$sent', _NO_COLONS)})",
        f"#set($different = {_removed('$read', _NO_COLONS)})",
        f"#if({' || '.join(_FAULTS)})#set($sound = false)#end#end",
    )
)
"""Sets `$sound` to whether the body is strict JSON and an object, and `$large` to whether it exceeds Step Functions' quota.

`$body` must be the body as API Gateway parsed it, as JSON. A large body is not checked.
"""
