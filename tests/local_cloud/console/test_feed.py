"""Records of the console, and the events that a page receives."""

from __future__ import annotations

import asyncio

import pytest

from local_cloud.console.feed import Events, History, event


def test_a_history_keeps_the_newest() -> None:
    history: History[int] = History(most_records=3)
    for number in range(5):
        history.add(number, 1)
    assert list(history) == [4, 3, 2]


def test_a_history_keeps_no_more_than_its_bytes_but_always_the_newest() -> None:
    history: History[str] = History(most_bytes=100)
    history.add("a", 60)
    history.add("b", 60)
    assert list(history) == ["b"]
    history.add("c", 40)
    assert list(history) == ["c", "b"]
    history.add("d", 1000)
    assert list(history) == ["d"]


def test_every_open_page_gets_every_event() -> None:
    async def run() -> list[bytes | None]:
        events = Events()
        events.send("lost", {})
        pages = [events.open(event("hello", {})), events.open()]
        events.send("request", {"id": 1})
        return [await pages[0].read(), await pages[0].read(), await pages[1].read()]

    sent = b'event: request\ndata: {"id":1}\n\n'
    assert asyncio.run(run()) == [b"event: hello\ndata: {}\n\n", sent, sent]


def test_a_page_that_does_not_read_is_asked_to_start_over() -> None:
    async def run() -> list[bytes | None]:
        events = Events()
        page = events.open()
        for number in range(2000):
            events.send("request", number)
        messages = [await page.read() for _ in range(501)]
        events.send("request", "after")
        return [*messages[-2:], await page.read()]

    assert asyncio.run(run()) == [
        b"event: request\ndata: 499\n\n",
        b"event: missed\ndata: {}\n\n",
        b'event: request\ndata: "after"\n\n',
    ]


def test_a_page_that_has_gone_is_forgotten() -> None:
    async def run() -> None:
        events = Events()
        page = events.open()
        assert events.has_listeners
        waiting = asyncio.create_task(page.read())
        await asyncio.sleep(0)
        page.close()
        assert not events.has_listeners
        with pytest.raises(ConnectionResetError):
            await waiting

    asyncio.run(run())
