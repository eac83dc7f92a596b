"""The README's three steps to a service of one's own, taken as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import PROJECT, Workspace
from tools.callers import Callers
from tools.calls import Call
from tools.demo import call

README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"<!-- (file|line): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
BEFORE = {
    "services": re.compile(r'( +"embeddings": self\._function\(.*\n)'),
    "routes": re.compile(r'( +\("POST", "/embeddings/similarity".*\n)'),
    "imports": re.compile(r"(from handlers.embeddings import models as embeddings\n)"),
}


def test_the_three_steps_lead_to_a_service_that_answers(workspace: Workspace) -> None:
    main = workspace.project / "main.py"
    for kind, name, text in BLOCK.findall(README):
        if kind == "file":
            path: Path = workspace.project / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            before = main.read_text(encoding="utf-8")
            after = BEFORE[name].sub(lambda found, text=text: found[1] + text, before)
            assert after != before, name
            main.write_text(after, encoding="utf-8")

    workspace.synthesize()
    workspace.terraform.init()
    workspace.terraform.plan()
    workspace.terraform.apply()
    outputs = workspace.terraform.outputs()
    invoke_url, callers = str(outputs["invoke_url"]), Callers(workspace.cloud.url, outputs)

    asked = Call("", "POST", "/greeting", check=lambda answer: "", body={"name": "Ada"})
    status, content, _ = call(invoke_url, asked, callers)
    assert (status, json.loads(content)) == (200, {"greeting": "Hello, Ada!"})

    asked = Call("", "POST", "/ai-service", check=str, body={"service": "greeting", "input": {"name": "Ada"}})
    status, content, _ = call(invoke_url, asked, callers)
    assert (status, json.loads(content)["output"]) == (200, {"greeting": "Hello, Ada!"})
