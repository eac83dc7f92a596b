"""Judge in the function: what it finds, and what it does not take for personal data."""

from __future__ import annotations

import pytest

from handlers.common.deadline import Deadline
from handlers.common.judge import Verdict
from handlers.common.offline_judge import FINDERS, OfflineJudge


def judged(text: str, words: list[str] | None = None, **personal_data: str) -> Verdict:
    judge = OfflineJudge(personal_data, words or [])
    return judge.judge(text, source="INPUT", deadline=Deadline.after(1))


def wide(text: str) -> str:
    """The same characters, in their full-width forms."""
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def found(kind: str, text: str) -> list[str]:
    return [text[span.begin : span.end] for span in judged(text, **{kind: "MASK"}).spans]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("PHONE", "+1 202 555 0143"),
        ("PHONE", "(202) 555-0143"),
        ("PHONE", "202.555.0143"),
        ("PHONE", "2025550143"),
        ("PHONE", "020 7946 0958"),
        ("PHONE", "+49 30 901820"),
        ("PHONE", "+442079460958"),
        ("EMAIL", "ada@example.com"),
        ("EMAIL", "ada.lovelace+x@mail.example.co.uk"),
        ("EMAIL", "jürgen@bücher.example"),
        ("CREDIT_DEBIT_CARD_NUMBER", "4111111111111111"),
        ("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1111"),
        ("CREDIT_DEBIT_CARD_NUMBER", "5500-0055-5555-5559"),
        ("CREDIT_DEBIT_CARD_NUMBER", "378282246310005"),
        ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "DE89370400440532013000"),
        ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "GB82 WEST 1234 5698 7654 32"),
        ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "nl91 abna 0417 1643 00"),
        ("IP_ADDRESS", "192.0.2.17"),
        ("IP_ADDRESS", "2001:db8::8a2e:370:7334"),
        ("IP_ADDRESS", "2001:0db8:0000:0000:0000:ff00:0042:8329"),
        ("MAC_ADDRESS", "00:1B:44:11:3A:B7"),
        ("MAC_ADDRESS", "00-1b-44-11-3a-b7"),
        ("URL", "https://example.com/a?b=c"),
        ("URL", "www.example.com/a"),
        ("US_SOCIAL_SECURITY_NUMBER", "123-45-6789"),
        ("AWS_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "It is {} , they say.", "({}).", "Line one\n{}\nline two", '"{}"', "number:{};"]
)
def test_personal_data_is_found(kind: str, secret: str, around: str) -> None:
    text = around.format(secret)
    spans = judged(text, **{kind: "MASK"}).spans
    begin = text.index(secret)
    assert any(span.begin <= begin and begin + len(secret) <= span.end for span in spans), spans


def test_every_type_has_an_example_above() -> None:
    marks = test_personal_data_is_found.pytestmark  # type: ignore[attr-defined]
    examples = next(mark for mark in marks if mark.args[0] == ("kind", "secret")).args[1]
    assert {kind for kind, _ in examples} == set(FINDERS)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("PHONE", "On 2024-11-30 at 12:30 they sold 12345678 of them for $1,234.50, by 1.12.2024."),
        ("EMAIL", "Write @ada or ada@home, or a@b.1"),
        ("CREDIT_DEBIT_CARD_NUMBER", "4111111111111112"),
        ("CREDIT_DEBIT_CARD_NUMBER", "1234567890123"),
        ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "DE88370400440532013000"),
        ("IP_ADDRESS", "Version 1.2.3 of 10:30:00, or 300.1.1.1"),
        ("US_SOCIAL_SECURITY_NUMBER", "000-45-6789 and 123-456-789"),
        ("AWS_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLES"),
    ],
)
def test_other_texts_are_no_personal_data(kind: str, text: str) -> None:
    assert found(kind, text) == []


def test_an_account_ends_before_the_next_words() -> None:
    assert found("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "DE89 3704 0044 0532 0130 00 IS MINE") == [
        "DE89 3704 0044 0532 0130 00"
    ]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("PHONE", "+1\u200b202\u00a0555\u20110143"),
        ("PHONE", wide("+1 202 555 0143")),
        ("PHONE", "".join(chr(0x660 + int(one)) if one.isdigit() else one for one in "+1 202 555 0143")),
        ("EMAIL", f"ada{wide('@')}example{wide('.')}com"),
        ("EMAIL", "a\u00adda@exa\u200bmple.com"),
        ("CREDIT_DEBIT_CARD_NUMBER", f"4111\u20601111\u2009{wide('1111')} 1111"),
        ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", f"DE{wide('89')}3704\u200b0044 0532 0130 00"),
    ],
)
def test_characters_that_look_like_others_hide_nothing(kind: str, secret: str) -> None:
    assert found(kind, f"Ä {secret} é")[0] == secret


@pytest.mark.parametrize("text", ["{} 12 of 30", "7 {} 99", "10 {}, 20"])
def test_a_phone_number_is_found_in_a_row_of_numbers(text: str) -> None:
    assert "+1 202 555 0143" in found("PHONE", text.format("+1 202 555 0143"))[0]


def test_a_card_is_found_in_a_row_of_numbers() -> None:
    assert found("CREDIT_DEBIT_CARD_NUMBER", "12 77 4111 1111 1111 1111 12") == ["4111 1111 1111 1111"]


def test_a_type_blocks_if_it_is_to() -> None:
    verdict = judged("ada@example.com", EMAIL="BLOCK", PHONE="MASK")
    assert verdict.blocked == ["EMAIL"]
    assert judged("nothing", EMAIL="BLOCK").blocked == []


@pytest.mark.parametrize("text", ["The Project  X plan.", "(project\nx)", "PROJECT X"])
def test_words_block_in_any_case_and_with_any_space(text: str) -> None:
    assert judged(text, ["project x"]).blocked == ["WORD"]


@pytest.mark.parametrize("text", ["projectx", "project xs", "a subproject x1"])
def test_parts_of_words_do_not_block(text: str) -> None:
    assert judged(text, ["project x"]).blocked == []


def test_a_type_without_a_pattern_is_an_error() -> None:
    with pytest.raises(KeyError, match="NAME"):
        OfflineJudge({"NAME": "MASK"}, [])


def test_long_rows_of_digits_are_judged_in_time() -> None:
    verdict = OfflineJudge(dict.fromkeys(FINDERS, "MASK"), ["x"]).judge(
        "1-2/3 4@a." * 2_000 + "a" * 4_000, source="INPUT", deadline=Deadline.after(1)
    )
    assert verdict.blocked == []
