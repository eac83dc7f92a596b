"""Judge in the function itself: personal data by its form and its check digits, and words.

Whether digits are a phone number is decided by phonenumbers, the port of Google's library. What has no form of its own, such as names, topics and
attacks on a model, cannot be found by patterns; a guardrail that asks for it is rejected when the stack is synthesized.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

from handlers.common.deadline import Deadline
from handlers.common.judge import Source, Span, Verdict

PHONE_REGIONS: Final = ("US", "GB", "DE", "FR", "IN", "BR")
"""Regions whose national numbers are found. International ones, with `+`, are found of every region."""

Found = Iterator[tuple[int, int]]
"""Begin and end of each finding."""


class OfflineJudge:
    """Judge by patterns.

    Args:
        personal_data: Types of personal data with their actions, MASK or BLOCK.
        words: Words and phrases that block a text, in any case.

    Raises:
        KeyError: No pattern finds a type.
        ModuleNotFoundError: The archive has no phonenumberslite, which finds phone numbers.
    """

    def __init__(self, personal_data: Mapping[str, str], words: Sequence[str]) -> None:
        if "PHONE" in personal_data and find_spec("phonenumbers") is None:
            raise ModuleNotFoundError(
                "phonenumbers is not in the archive; add phonenumberslite to its requirements.in"
            )
        self._finders = {kind: (FINDERS[kind], action) for kind, action in personal_data.items()}
        self._words = _any_of(words) if words else None

    def judge(self, text: str, *, source: Source, deadline: Deadline) -> Verdict:  # noqa: ARG002 - takes milliseconds
        """Judge a text; see `Judge`."""
        text = _plain(text)
        spans: list[Span] = []
        blocked: list[str] = []
        if self._words is not None and self._words.search(text):
            blocked.append("WORD")
        for kind, (find, action) in self._finders.items():
            found = [Span(begin, end, kind) for begin, end in find(text)]
            if found and action == "BLOCK":
                blocked.append(kind)
            spans.extend(found)
        return Verdict(spans, blocked)


def _plain(text: str) -> str:
    """Return a text of the same length in which characters that look like others, or cannot be seen, hide nothing."""
    return text if text.isascii() else "".join(map(_plain_character, text))


@lru_cache(maxsize=4_096)
def _plain_character(character: str) -> str:
    if unicodedata.category(character) == "Cf":  # such as a zero-width space
        return "-"
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of whole words and phrases, with any white space between their words."""
    written = (r"\s+".join(map(re.escape, word.split())) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(written)})(?!\w)", re.IGNORECASE)


def _matching(pattern: str, is_valid: Callable[[str], bool] = bool) -> Callable[[str], Found]:
    compiled = re.compile(pattern)

    def find(text: str) -> Found:
        for match in compiled.finditer(text):
            if is_valid(match[0]):
                yield match.span()

    return find


_BETWEEN: Final = r"[ \-./()\u2010-\u2015\u2212]{0,3}"
_NUMBERS: Final = re.compile(rf"[+(]{{0,2}}\d+(?:{_BETWEEN}[+(]{{0,2}}\d+)*")
_GROUP: Final = re.compile(r"[+(]{0,2}\d+")
_DATE: Final = re.compile(
    r"(?<!\d)(?<!\d[-/.])(?:(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d)(?![-/.]?\d)"
)
_PHONE_DIGITS: Final = range(7, 16)
_PHONE_GROUPS: Final = 8


def _phones(text: str) -> Found:
    """Find phone numbers: the longest from each group of digits, as the library's own search takes a row as one number or none."""
    for row in _NUMBERS.finditer(_DATE.sub(lambda date: "x" * len(date[0]), text)):
        groups = list(_GROUP.finditer(row[0]))
        for first, group in enumerate(groups):
            for last in reversed(groups[first : first + _PHONE_GROUPS]):
                if _is_phone(row[0][group.start() : last.end()]):
                    yield row.start() + group.start(), row.start() + last.end()
                    break


def _is_phone(text: str) -> bool:
    if sum(character.isdigit() for character in text) not in _PHONE_DIGITS:
        return False
    import phonenumbers

    # With its country's code, a possible length is enough: new ranges are not in the library's data yet.
    has_country = text.lstrip("(").startswith("+")
    fits = phonenumbers.is_possible_number if has_country else phonenumbers.is_valid_number
    for region in (None,) if has_country else PHONE_REGIONS:
        try:
            if fits(phonenumbers.parse(text, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


_CARD_LENGTHS: Final = range(19, 12, -1)
_ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]{2}[0-9]{2})[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){14,41}")
_ACCOUNT_LENGTHS: Final = range(34, 14, -1)


def _cards(text: str) -> Found:
    """Find payment cards: 13 to 19 digits with a Luhn check digit, also as the part of a longer row of groups."""
    for row in re.finditer(r"[0-9](?:[ -]?[0-9]){12,}", text):
        digits = [place for place in range(*row.span()) if text[place].isdigit()]
        for first, place in enumerate(digits):
            last = _card_from(text, digits, first)
            if last is not None:
                yield place, digits[last] + 1


def _card_from(text: str, digits: Sequence[int], first: int) -> int | None:
    """Return the number of the last digit of a card that begins with a digit; None if there is none."""
    if text[digits[first]] not in "23456" or (first and digits[first - 1] + 1 == digits[first]):
        return None
    for length in _CARD_LENGTHS:
        last = first + length - 1
        if last >= len(digits) or (last + 1 < len(digits) and digits[last] + 1 == digits[last + 1]):
            continue
        if _luhn([int(text[place]) for place in digits[first : last + 1]]):
            return last
    return None


def _luhn(digits: Sequence[int]) -> bool:
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _accounts(text: str) -> Found:
    """Find IBANs: the longest 15 to 34 characters with the check digits of ISO 7064."""
    for row in _ACCOUNT.finditer(text):
        places = [place for place in range(*row.span()) if text[place].isalnum()]
        for length in _ACCOUNT_LENGTHS:
            if length > len(places):
                continue
            number = "".join(text[place] for place in places[:length]).upper()
            if int("".join(str(int(one, 36)) for one in number[4:] + number[:4])) % 97 == 1:
                yield places[0], places[length - 1] + 1
                break


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


FINDERS: Final[Mapping[str, Callable[[str], Found]]] = {
    "AWS_ACCESS_KEY": _matching(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "CREDIT_DEBIT_CARD_NUMBER": _cards,
    "EMAIL": _matching(
        r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{1,62}"
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _accounts,
    "IP_ADDRESS": _matching(
        r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?\w)|"
        r"(?<!\w)(?=::|[0-9A-Fa-f]+:)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){1,6}:(?:[0-9A-Fa-f]{1,4}|(?<=::))(?!\w)",
        _is_address,
    ),
    "MAC_ADDRESS": _matching(r"(?<!\w)[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?!\w)"),
    "PHONE": _phones,
    "URL": _matching(r"(?:https?|ftp)://[^\s<>\"]+|(?<![\w.@])www\.[^\s<>\"]+"),
    "US_SOCIAL_SECURITY_NUMBER": _matching(
        r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])"
    ),
}
"""What finds each type of personal data, by Bedrock's names."""
