"""Messages that are sent, taken and deleted at the same time.

moto 5.2.5 makes a new list of the messages when one is deleted, and loses what is sent meanwhile; and it goes through the messages that
were taken while others are taken, which Python refuses. Here both go on with what is there, and the list stays the same one.
"""

from __future__ import annotations

import contextlib
from typing import Any


def apply() -> None:
    """Delete messages one by one, and look at those that were taken at one moment."""
    from moto.sqs.exceptions import ReceiptHandleIsInvalid
    from moto.sqs.models import Queue

    def delete_message(queue: Any, receipt_handle: str) -> None:
        if receipt_handle in queue.deleted_messages:
            return
        found = [one for one in list(queue._messages) if one.had_receipt_handle(receipt_handle)]
        if not found:
            raise ReceiptHandleIsInvalid
        for message in found:
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(message.all_receipt_handles)
            with contextlib.suppress(ValueError):  # moved or deleted meanwhile
                queue._messages.remove(message)

    def pending_message_groups(queue: Any) -> set[str]:
        return {one.group_id for one in list(queue._pending_messages) if one.group_id is not None}

    Queue.delete_message = delete_message
    Queue.pending_message_groups = property(pending_message_groups)
