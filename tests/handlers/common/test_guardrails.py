"""Guardrails: windows over streams, JSON documents, and what happens if nothing can be judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from handlers.common.contract import Contract
from handlers.common.errors import BackendTimeout, ContentFiltered, GuardrailUnavailable
from handlers.common.guardrails import MAX_OPEN_CHARACTERS, Guardrail, Run
from handlers.common.judge import Span, Verdict
from handlers.common.models import RequestModel, ResponseModel
from handlers.common.service import Service
from tests.support.events import ask, proxy_event
from tests.support.guardrails import CARD, EMAIL, OVERLAP, PHONE, FakeJudge, guarded, guardrail

NUMBER = re.compile(r"<[0-9]+>")
SECRETS = (PHONE, EMAIL, "jürgen@bücher.example", "(202) 555-0143")
FILLER = ("It rains. ", "12 of 30, ", "\n", "ä€😀 ", "word " * 45, "a,b;c " * 20)


def numbers(text: str) -> Verdict:
    """Find what stands between `<` and `>`: a finding whose length the test chooses."""
    return Verdict([Span(*match.span(), "PHONE") for match in NUMBER.finditer(text)])


def text_of(runs: Iterable[Run]) -> str:
    return "".join(run.text for run in runs)


def streamed(pieces: Iterable[str], judge: FakeJudge | None = None, *, step: int = 200) -> list[str]:
    """Texts that are passed on after each piece and at the end; at last `[blocked]` if the rest is blocked."""
    windows = guarded(judge, step=step).windows("OUTPUT")
    passed: list[str] = []
    try:
        for runs in (*map(windows.add, pieces), windows.end()):
            passed.append("")
            for run in runs:
                passed[-1] += run.text
    except ContentFiltered:
        passed.append("[blocked]")
    return passed


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = [*sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


APART = " and "
texts = st.builds(
    str.join, st.sampled_from([APART, " "]), st.lists(st.sampled_from([*SECRETS, *FILLER]), max_size=30)
)


@given(texts, st.lists(st.integers(0, 10_000), max_size=20))
@example(f"{'x ' * 100}{PHONE}{APART}{'y ' * 200}", list(range(600)))
def test_a_stream_is_judged_as_its_text_is_however_it_is_cut(text: str, places: list[int]) -> None:
    whole = "".join(streamed([text]))
    assert "".join(streamed(cut(text, places))) == whole
    assert "".join(streamed(text)) == whole
    assert not any(secret[-8:] in whole for secret in SECRETS)
    if APART not in text and text:  # numbers beside each other are masked as one
        return
    # Nothing but secrets is masked: what is around them is passed on.
    rest = text
    for secret in SECRETS:
        rest = rest.replace(secret, "{}")
    assert re.sub(r"\{[A-Z]*\}", "{}", whole) == rest


@pytest.mark.parametrize("secret", [PHONE, EMAIL])
@pytest.mark.parametrize("before", [0, 1, 85, 99, 100, 101, 185, 199, 200, 201, 285, 299, 300, 315, 400])
def test_no_part_of_a_secret_is_passed_on_before_it_is_judged(secret: str, before: int) -> None:
    text = f"{'.' * before} {secret} {'.' * 450}"
    passed = ""
    for number, piece in enumerate(streamed(text)):
        passed += piece
        begun = text[: number + 1]
        shown = begun.find(secret[:4])
        assert shown < 0 or len(passed) <= shown or "{" in passed
    assert secret[:6] not in passed
    assert len(passed) == len(text) - len(secret) + len("{PHONE}")


@given(texts, st.integers(0, 2_000))
def test_what_is_passed_on_before_a_block_ends_before_what_blocks(text: str, place: int) -> None:
    place %= len(text) + 1
    blocked = f"{text[:place]} {CARD} {text[place:]}"
    *passed, end = streamed(blocked)
    assert end == "[blocked]"
    assert "".join(streamed([blocked])) == "".join([*passed, end])
    assert not any(secret in "".join(passed) for secret in (CARD, *SECRETS))


@pytest.mark.parametrize(
    "length", [3, OVERLAP - 1, OVERLAP, OVERLAP + 1, 3 * OVERLAP, MAX_OPEN_CHARACTERS - 2 * OVERLAP]
)
@pytest.mark.parametrize("before", [0, 1, 99, 100, 101, 199, 250, 299, 300])
def test_a_finding_has_one_mask_wherever_it_begins_and_whatever_its_length(length: int, before: int) -> None:
    def open_numbers(text: str) -> Verdict:
        return Verdict([Span(*match.span(), "PHONE") for match in re.finditer(r"<[0-9]+>?", text)])

    text = f"{'.' * before}<{'7' * (length - 2)}>{'.' * 120}<1>"
    passed = "".join(streamed(text, FakeJudge(open_numbers), step=100))
    assert passed == f"{'.' * before}{{PHONE}}{'.' * 120}{{PHONE}}"


def test_a_finding_without_an_end_is_blocked() -> None:
    judge = FakeJudge(
        lambda text: Verdict([Span(match.start(), match.end(), "URL") for match in re.finditer("x+", text)])
    )
    *passed, end = streamed(["x" * 10_000], judge)
    assert end == "[blocked]"
    assert set("".join(passed)) <= set("{URL}")
    assert max(len(text) for text, _ in judge.judged) <= MAX_OPEN_CHARACTERS + 4 * OVERLAP


def test_findings_that_overlap_have_one_mask() -> None:
    judge = FakeJudge(lambda _: Verdict([Span(2, 6, "EMAIL"), Span(4, 9, "URL"), Span(9, 10, "PIN")]))
    assert "".join(streamed(["0123456789ab"], judge)) == "01{EMAIL}{PIN}ab"


def test_a_window_that_is_not_judged_is_not_passed_on() -> None:
    judge = FakeJudge(numbers)
    windows = guarded(judge, step=10).windows("OUTPUT")
    assert text_of(windows.add("a" * (10 + OVERLAP))) == "a" * 10
    judge.error = BackendTimeout(detail="bedrock-runtime.apply_guardrail: no answer")
    with pytest.raises(GuardrailUnavailable) as failed:
        list(windows.add("b" * 10))
    assert (failed.value.status, failed.value.detail) == (503, "bedrock-runtime.apply_guardrail: no answer")


def test_texts_are_judged_together_and_masked_each() -> None:
    judge = FakeJudge(numbers)
    guard = guarded(judge)
    assert guard.texts(["a <1>", "", "<22> b", "c"], "INPUT") == ["a {PHONE}", "", "{PHONE} b", "c"]
    assert judge.judged == [("a <1>\n\n\n\n<22> b\n\nc", "INPUT")]
    assert guard.action == "masked"
    assert guard.texts(["", ""], "INPUT") == ["", ""]
    assert len(judge.judged) == 1


def test_a_finding_over_two_texts_masks_both() -> None:
    guard = guarded(FakeJudge(lambda text: Verdict([Span(1, len(text) - 1, "NAME")])))
    assert guard.texts(["ab", "cd"], "INPUT") == ["a{NAME}", "{NAME}d"]


def test_long_texts_are_judged_in_several_windows() -> None:
    judge = FakeJudge(numbers)
    text = "." * 45_000 + "<1>"
    assert guarded(judge).texts([text], "INPUT") == ["." * 45_000 + "{PHONE}"]
    assert max(len(judged) for judged, _ in judge.judged) <= 25_000


@pytest.mark.parametrize(
    ("document", "masked"),
    [
        ('{"a": "<1>", "b": [true, null, 1.5]}', '{"a": "{PHONE}", "b": [true, null, 1.5]}'),
        ('{"<1>" : "x"}', '{"{PHONE}" : "x"}'),
        (r'{"a":"\u003c\u0031\u003e"}', '{"a":"{PHONE}"}'),
        (r'{"a":"é\n\"q\" <1>"}', r'{"a":"é\n\"q\" {PHONE}"}'),
        (r'{"a":"ä\/"}', r'{"a":"ä\/"}'),
        ("[]", "[]"),
        ('"<1>"', '"{PHONE}"'),
        ("", ""),
        ('{"a": "<1>", "b', '{"a": "{PHONE}", "b'),
    ],
)
def test_documents_are_judged_by_what_they_say(document: str, masked: str) -> None:
    assert guarded(FakeJudge(numbers)).documents([document, document], "OUTPUT") == [masked, masked]


def test_a_number_that_is_masked_becomes_a_string() -> None:
    masked = guarded().documents(['{"phone": 2025550143, "count": 12}'], "OUTPUT")[0]
    assert json.loads(masked) == {"phone": "{PHONE}", "count": 12}


def test_a_document_that_is_cut_within_an_escape_is_blocked() -> None:
    with pytest.raises(ContentFiltered):
        guarded(FakeJudge(numbers)).documents([r'{"a": "\u003c1>'], "OUTPUT")


def test_an_unknown_backend_is_an_error() -> None:
    with pytest.raises(ValueError, match="backend 'x' is unknown; use offline or bedrock"):
        Guardrail.from_json({"backend": "x", "step": 800, "overlap": 100})


def test_a_service_without_a_guardrail_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUARDRAIL", raising=False)
    assert Guardrail.from_environment() is None


class Letter(BaseModel):
    text: str
    pages: list[dict[str, str | int]]
    scan: bytes = b""
    next: Letter | None = None


def letter_service(judge: FakeJudge | None, *results: str) -> tuple[Service, list[LetterRequest]]:
    contract = Contract("letters")
    operation = contract.post("/probe", LetterRequest, LetterResponse, name="letters.read", summary="Read.")
    service = Service(contract, guardrail=guardrail(judge) if judge else guardrail())
    read: list[LetterRequest] = []

    @service.implements(operation)
    def handle(request: LetterRequest) -> LetterResponse:
        read.append(request)
        return LetterResponse(texts=list(results))

    return service, read


class LetterRequest(RequestModel):
    text: str
    tags: dict[str, str] = Field(default_factory=dict)
    numbers: list[int] = Field(default_factory=list)


class LetterResponse(ResponseModel):
    texts: list[str]


def test_a_value_is_masked_in_its_texts() -> None:
    letter = Letter(text="<1>", pages=[{"<2>": "a", "b": 3}], scan=b"<1>", next=Letter(text="<3>", pages=[]))
    assert guarded(FakeJudge(numbers)).value(letter, "INPUT") == Letter(
        text="{PHONE}",
        pages=[{"{PHONE}": "a", "b": 3}],
        scan=b"<1>",
        next=Letter(text="{PHONE}", pages=[]),
    )


def test_a_service_reads_and_answers_masks_over_http_and_directly() -> None:
    service, read = letter_service(None, f"From {EMAIL}", "x")
    sent = {"text": f"Ring {PHONE}", "tags": {"who": EMAIL}, "numbers": [1]}
    expected = {"texts": ["From {EMAIL}", "x"]}
    answer = ask(service, proxy_event(json.dumps(sent)))
    assert (answer.status, answer.body) == (200, expected)
    assert service.handle({"operation": "letters.read", "input": sent}, None) == expected
    assert read == [LetterRequest(text="Ring {PHONE}", tags={"who": "{EMAIL}"}, numbers=[1])] * 2


def test_a_service_blocks_requests_and_results() -> None:
    service, read = letter_service(None, f"Pay with {CARD}")
    answer = ask(service, proxy_event(json.dumps({"text": CARD})))
    assert (answer.status, answer.body["code"], read) == (400, "content_filter", [])
    answer = ask(service, proxy_event(json.dumps({"text": "fine"})))
    assert (answer.status, answer.body["code"], len(read)) == (400, "content_filter", 1)
    assert CARD not in answer.raw + answer.log
    with pytest.raises(ContentFiltered):
        service.handle({"operation": "letters.read", "input": {"text": CARD}}, None)


def test_a_service_whose_guardrail_fails_answers_nothing() -> None:
    service, read = letter_service(FakeJudge(error=BackendTimeout()), "x")
    answer = ask(service, proxy_event(json.dumps({"text": "fine"})))
    assert (answer.status, answer.body["code"], read) == (503, "guardrail_unavailable", [])
