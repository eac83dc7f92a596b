"""Job that reads a receipt by an agent, and asks a person to approve a large total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, Field

from constructs_lib import (
    Agent,
    AgentTool,
    Approval,
    ChatService,
    Choice,
    Function,
    Input,
    JobRunner,
    Jsonata,
    Pass,
    Step,
    Succeed,
    Variable,
)
from handlers.vision.contract import read_text
from workflows.contract import AGENT_MODEL, APPROVE

TOTAL_WITHOUT_APPROVAL: Final = 5
LONGEST_SECONDS: Final = 15_000
_APPROVAL_SECONDS: Final = 14_400


class Receipt(BaseModel):
    """Answer of the agent."""

    shop: Annotated[str, Field(max_length=100, description="Name of the shop.")]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Date, such as 2026-03-14.")]
    total: Annotated[float, Field(ge=0, le=1_000_000, description="Total that was paid.")]


def receipt(functions: Mapping[str, Function], models: ChatService, runner: JobRunner) -> Step:
    """Return the steps: `{"image": base64}` gives shop, date and total, and whether a person has approved the total.

    An agent that reaches a bound gives `"receipt": null` and the bound; no person has to decide then.

    Args:
        functions: The functions of the services, by their names.
        models: The language models.
        runner: The runner of the job.
    """
    links = runner.links("link the receipt", read={"receipt": Input("input_key")}, result="links")
    agent = Agent(
        "read the receipt",
        models,
        model=AGENT_MODEL,
        instructions="Read the picture of a receipt, and answer with its shop, date and total.",
        task="The picture of this job.",
        tools=[
            AgentTool(
                operation=read_text,
                function=functions["vision"],
                source={"image": Jsonata('$links.read.receipt & "#image"')},
                description="Read the text in the picture.",
            )
        ],
        answer=Receipt,
        max_seconds=120,
        budget_usd=0.05,
        result="read",
    )
    approval = Approval(
        "approve the total",
        runner,
        question="Pay this receipt?",
        about={"receipt": Variable("read.answer")},
        scope=APPROVE,
        expires_seconds=_APPROVAL_SECONDS,
    )
    small = Variable("read.answer.total").at_most(TOTAL_WITHOUT_APPROVAL)
    small_total = Pass("no approval needed", variables={"approval": {"status": "not needed"}})
    outcome = {name: Variable(f"read.{name}") for name in ("complete", "ended_by", "steps")}
    partial = Succeed("a partial answer", output={"receipt": None, "approval": None, **outcome})
    decide = Choice(
        "large total?",
        [(Variable("read.complete").equals(False), partial), (small, small_total)],
        default=approval,
    )
    answer = {"receipt": Variable("read.answer"), "approval": Variable("approval.status"), **outcome}
    return links >> agent >> decide >> Succeed("the receipt", output=answer)
