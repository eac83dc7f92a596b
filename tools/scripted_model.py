"""Server with OpenAI's protocol whose answers are a script: it stands for a model that calls tools, where none is installed.

It plays one agent, that of `workflows/receipt.py`: first it calls the function that reads the picture, then it finds shop, date and
total in the text by patterns, and answers with them.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

NAME: Final = "scripted"


def reply(request: dict[str, Any]) -> dict[str, Any]:
    """Return the message of the script for a conversation."""
    results = [message["content"] for message in request["messages"] if message["role"] == "tool"]
    if not results:
        return _call("vision_text", {})
    # A result is JSON, of which an agent may have cut the end.
    found = re.search(r'"text":\s*"((?:[^"\\]|\\.)*)', results[-1])
    text = "" if found is None else found[1].replace("\\n", "\n")
    date, total = re.search(r"\d{4}-\d{2}-\d{2}", text), re.search(r"TOTAL\s+(\d+\.\d{2})", text)
    if date is None or total is None:
        return {"role": "assistant", "content": "I cannot read the receipt."}
    shop = text.strip().splitlines()[0].title()
    return _call("answer", {"shop": shop, "date": date[0], "total": float(total[1])})


@contextmanager
def serving(port: int) -> Iterator[str]:
    """Serve on a port of this machine.

    Args:
        port: The port; 0 for a free one.

    Yields:
        The address, up to `/v1`.

    Raises:
        OSError: The port is taken.
    """
    with ThreadingHTTPServer(("127.0.0.1", port), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = reply(request)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        size = len(json.dumps(request)) // 4
        answer = {
            "id": NAME,
            "object": "chat.completion",
            "model": NAME,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": size, "completion_tokens": 20, "total_tokens": size + 20},
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def _call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}
