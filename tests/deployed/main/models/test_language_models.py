"""The real models of the language function, in the archive that is deployed."""
# ruff: noqa: RUF001 - the letters of other alphabets are meant

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Invoke = Callable[[str, dict[str, Any]], dict[str, Any]]


def analyse(invoke_archive: Invoke, text: str, **options: str) -> dict[str, Any]:
    return invoke_archive("language", {"operation": "language.analysis", "input": {"text": text, **options}})


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ar", "الطقس جميل اليوم وسنذهب إلى الحديقة مع الأطفال"),
        ("cs", "Dnes je krásné počasí a půjdeme s dětmi do parku."),
        ("de", "Heute ist das Wetter schön und wir gehen mit den Kindern in den Park."),
        ("el", "Σήμερα ο καιρός είναι ωραίος και θα πάμε στο πάρκο με τα παιδιά."),
        ("en", "The weather is lovely today and we are going to the park with the children."),
        ("es", "Hoy hace buen tiempo y vamos al parque con los niños."),
        ("fi", "Tänään on kaunis sää ja menemme puistoon lasten kanssa."),
        ("fr", "Il fait beau aujourd'hui et nous allons au parc avec les enfants."),
        ("he", "מזג האוויר יפה היום ואנחנו הולכים לפארק עם הילדים"),
        ("hi", "आज मौसम अच्छा है और हम बच्चों के साथ पार्क जा रहे हैं।"),
        ("it", "Oggi il tempo è bello e andiamo al parco con i bambini."),
        ("ja", "今日は天気がいいので、子供たちと公園に行きます。"),
        ("ko", "오늘은 날씨가 좋아서 아이들과 공원에 갑니다."),
        ("nl", "Het weer is mooi vandaag en we gaan met de kinderen naar het park."),
        ("pl", "Dzisiaj jest piękna pogoda i idziemy z dziećmi do parku."),
        ("pt", "Hoje o tempo está bonito e vamos ao parque com as crianças."),
        ("ru", "Сегодня хорошая погода, и мы идём в парк с детьми."),
        ("sv", "Det är fint väder idag och vi går till parken med barnen."),
        ("tr", "Bugün hava güzel ve çocuklarla parka gidiyoruz."),
        ("uk", "Сьогодні гарна погода, і ми йдемо в парк з дітьми."),
        ("vi", "Hôm nay thời tiết đẹp và chúng tôi đi công viên với các con."),
        ("zh", "今天天气很好，我们带孩子们去公园。"),
    ],
)
def test_the_language_of_a_sentence(invoke_archive: Invoke, code: str, text: str) -> None:
    answer = analyse(invoke_archive, text)
    assert answer["language"]["code"] == code
    assert answer["language"]["score"] > 0.5
    if code != "en":
        assert [answer[part] for part in ("sentiment", "entities", "key_phrases")] == [None, None, None]
        assert answer["notes"] == [
            "Sentiment, entities and key phrases are available for these languages only: en."
        ]


def test_capitals_and_line_breaks_do_not_hide_the_language(invoke_archive: Invoke) -> None:
    shouted = "THE WEATHER IS LOVELY TODAY\nAND WE ARE GOING\r\nTO THE PARK"
    assert analyse(invoke_archive, shouted)["language"]["code"] == "en"


@pytest.mark.parametrize("text", ["12345", "?!", "😀😀", "3.14 + 2.71 = 5.85"])
def test_what_has_no_letters_has_no_language(invoke_archive: Invoke, text: str) -> None:
    answer = analyse(invoke_archive, text)
    assert answer["language"] == {"code": "und"}
    assert answer["sentiment"] is None


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("POSITIVE", "I love this phone, it is the best one I ever had!"),
        ("POSITIVE", "What a wonderful day, everybody was so friendly."),
        ("POSITIVE", "The service was excellent. We will be happy to come back. :-)"),
        ("NEGATIVE", "The food was terrible and the waiter was rude."),
        ("NEGATIVE", "I am very disappointed, this is the worst purchase of my life."),
        ("NEGATIVE", "It is not good at all."),
        ("NEUTRAL", "The meeting takes place on Monday at ten."),
        ("NEUTRAL", "The box has four corners."),
    ],
)
def test_the_sentiment_of_a_sentence(invoke_archive: Invoke, label: str, text: str) -> None:
    sentiment = analyse(invoke_archive, text)["sentiment"]
    assert sentiment["label"] == label
    assert set(sentiment["scores"]) == {"positive", "negative", "neutral"}
    assert sum(sentiment["scores"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Angela Merkel met Barack Obama in Berlin on Monday.",
            {
                ("Angela Merkel", "PERSON"),
                ("Barack Obama", "PERSON"),
                ("Berlin", "LOCATION"),
                ("Monday", "DATE"),
            },
        ),
        (
            "Microsoft paid 26 billion dollars for LinkedIn in 2016.",
            {("Microsoft", "ORGANIZATION"), ("26 billion dollars", "QUANTITY"), ("2016", "DATE")},
        ),
        (
            "😀 In Paris, Marie Curie won 2 prizes 😀",
            {("Paris", "LOCATION"), ("Marie Curie", "PERSON"), ("2", "QUANTITY")},
        ),
    ],
)
def test_the_entities_of_a_sentence(
    invoke_archive: Invoke, text: str, expected: set[tuple[str, str]]
) -> None:
    entities = analyse(invoke_archive, text)["entities"]
    assert expected <= {(entity["text"], entity["type"]) for entity in entities}
    for entity in entities:
        assert text[entity["begin_offset"] : entity["end_offset"]] == entity["text"]
        assert "score" not in entity


def test_the_key_phrases_of_a_sentence(invoke_archive: Invoke) -> None:
    text = "The new museum shows old paintings, and it is open on public holidays."
    phrases = analyse(invoke_archive, text)["key_phrases"]
    assert [phrase["text"] for phrase in phrases] == ["The new museum", "old paintings", "public holidays"]
    for phrase in phrases:
        assert text[phrase["begin_offset"] : phrase["end_offset"]] == phrase["text"]


def test_a_language_that_is_given_is_taken_at_its_word(invoke_archive: Invoke) -> None:
    given = analyse(invoke_archive, "Paris", language="en")
    assert given["language"] == {"code": "en"}
    assert [entity["text"] for entity in given["entities"]] == ["Paris"]
    assert analyse(invoke_archive, "I love Paris", language="fr")["sentiment"] is None


@pytest.mark.parametrize(
    "piece", ["(", "'", "😀", "- ", "a.", "😀 ", ":-) ", "((((( ", "http://", "\x00", "e\u0301"]
)
def test_a_text_made_to_be_slow_is_answered(invoke_archive: Invoke, piece: str) -> None:
    text = piece * (5_000 // len(piece.encode()))
    answer = analyse(invoke_archive, f"{text[:-9]} word", language="en")
    assert answer["sentiment"]["label"] in {"POSITIVE", "NEGATIVE", "NEUTRAL"}
