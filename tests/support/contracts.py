"""A small contract, for tests of what is made from contracts."""

from __future__ import annotations

from pydantic import BaseModel

from handlers.common.contract import Contract


class Greeting(BaseModel):
    """A request and a response."""

    text: str


def greeting() -> Contract:
    """A service with two operations, whose AWS backend calls three AI services."""
    contract = Contract(
        "greeting",
        summary="Greetings.",
        aws_actions=["rekognition:DetectText", "comprehend:DetectSentiment"],
        bedrock_models=["amazon.nova-lite-v1:0"],
    )
    contract.post("/greetings", Greeting, Greeting, name="greeting.greet", summary="Greet a person.")
    contract.get("/greetings/last", Greeting, name="greeting.last", summary="Return the last greeting.")
    return contract
