from __future__ import annotations

import pytest

from handlers.common.contract import Contract
from handlers.common.service import Service
from tests.support.events import ask, proxy_event

SHOP = "https://shop.example"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", f"{SHOP},https://other.example")
    contract = Contract("probe")
    operation = contract.get("/probe", None, summary="Nothing.")
    service = Service(contract)

    @service.implements(operation)
    def probe() -> dict[str, object]:
        return {}

    return service


@pytest.mark.parametrize("path", ["/probe", "/nowhere"])
def test_an_allowed_page_may_read_answers_and_errors(service: Service, path: str) -> None:
    answer = ask(service, proxy_event(method="GET", resource=path, headers={"Origin": SHOP}))
    assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (SHOP, "Origin")


@pytest.mark.parametrize("origin", ["null", "https://shop.example.evil", "https://SHOP.example", "*", ""])
def test_other_pages_may_not(service: Service, origin: str) -> None:
    answer = ask(service, proxy_event(method="GET", resource="/probe", headers={"Origin": origin}))
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_two_origins_are_none(service: Service) -> None:
    event = proxy_event(
        method="GET",
        resource="/probe",
        headers={"Origin": SHOP},
        multi_headers={"Origin": [SHOP, "https://evil.example"]},
    )
    assert "Access-Control-Allow-Origin" not in ask(service, event).headers


def test_where_no_page_is_allowed_nothing_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORS_ALLOWED_ORIGINS")
    answer = ask(service, proxy_event(method="GET", resource="/probe", headers={"Origin": SHOP}))
    assert not {"Access-Control-Allow-Origin", "Vary"} & set(answer.headers)
