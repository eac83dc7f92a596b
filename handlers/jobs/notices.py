"""Messages to an SNS topic that a job waits for an approval. They have no data of callers, which the job itself shows."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from handlers.common.aws_api import AwsApi, Tries
from handlers.common.deadline import Deadline

if TYPE_CHECKING:
    from handlers.jobs.approvals import Approval

_CHOICES: Final = (Tries(3, 1, 2), Tries(1, 0.5, 1))
_MOST_SUBJECT_CHARACTERS: Final = 99


class Notices:
    """Notices of open approvals.

    Args:
        topic: ARN of the topic.
        api: SNS. Default: created from the environment.
    """

    def __init__(self, topic: str, *, api: AwsApi | None = None) -> None:
        self._topic = topic
        self._api = api or AwsApi("sns", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> Notices | None:
        """Return the notices to the topic APPROVALS_TOPIC; None without it."""
        topic = os.environ.get("APPROVALS_TOPIC")
        return cls(topic) if topic else None

    def send(self, approval: Approval, *, deadline: Deadline) -> None:
        """Send that an approval is open.

        Raises:
            ServiceError: SNS fails.
        """
        until = datetime.fromtimestamp(approval.ends_at, UTC).isoformat()
        lines = (
            f"A job of the workflow {approval.workflow} waits for an approval: {approval.question}",
            "",
            f"Read it:    GET /jobs/{approval.job_id}",
            f'Decide it:  POST /jobs/{approval.job_id}/approval {{"decision": "approved"}}, or "rejected"',
            f"Until:      {until}; then it counts as {approval.otherwise}",
            f"Who may:    callers with the scope {approval.scope}",
        )
        subject = f"Approval: {approval.workflow}: {approval.name}"[:_MOST_SUBJECT_CHARACTERS]
        message = {"TopicArn": self._topic, "Subject": subject, "Message": "\n".join(lines)}
        self._api.call("publish", message, deadline=deadline)
