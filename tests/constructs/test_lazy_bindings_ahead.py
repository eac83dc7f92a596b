"""What Python does not wait for comes out as if it had, and what goes wrong of it is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lazy_bindings._one_process import SCRIPTS

PROJECT = Path(__file__).parents[2]
BEGIN = """
import lazy_bindings
lazy_bindings.install()
import json, sys, jsii
from cdktf import App, TerraformOutput, TerraformStack, Testing
from constructs import Construct
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from lazy_bindings._one_process import OneProcess

waited = []
wait_for = OneProcess._wait_for
def noting(self, request, response_type):
    waited.append(type(request).__name__)
    return wait_for(self, request, response_type)
OneProcess._wait_for = noting

app = App()
"""
WAITING = "OneProcess.send = noting\n"
"""Makes Python wait for every answer, as it does without what is tested here."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="two processes are started on Windows")


def run(program: str, tmp_path: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "program.py"
    script.write_text(BEGIN + program, "utf-8")
    return subprocess.run(
        [sys.executable, *options, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def printed(program: str, tmp_path: Path, *options: str, **variables: str) -> Any:
    done = run(program, tmp_path, *options, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_certain_is_not_waited_for(tmp_path: Path) -> None:
    program = """
stack = TerraformStack(app, "one")
waited.clear()
part = Construct(stack, "part")
queues = [SqsQueue(part, f"queue-{number}", name=f"queue-{number}", tags={"a": "b"}) for number in range(3)]
queues[2].depends_on = ["aws_sqs_queue.other"]
TerraformOutput(part, "out", value="text")
print(json.dumps(waited))
"""
    assert printed(program, tmp_path) == []


UNCERTAIN = {
    "an id that is taken": 'SqsQueue(stack, "taken")',
    "an id that is taken, written otherwise": 'Construct(stack, "a--b")',
    "an id with a space": 'SqsQueue(stack, "a queue")',
    "an id with no character": 'Construct(stack, "")',
    "a scope in no stack": 'SqsQueue(app, "queue")',
    "a dict in place of a struct in a list": 'SqsQueue(stack, "q", provisioners=[{"type": "file"}])',
    "an object of another type in jsii's place": 'stack.add_override("a", object())',
}


@pytest.mark.parametrize("statement", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_an_error_is_raised_where_it_was_without(tmp_path: Path, statement: str) -> None:
    program = f"""
stack = TerraformStack(app, "one")
SqsQueue(stack, "taken")
Construct(stack, "a/b")
told = []
try:
    {statement}
except Exception as error:
    told = [type(error).__name__, str(error), getattr(error, "__notes__", None)]
print(json.dumps([told, Testing.synth(stack)]))
"""
    assert printed(program, tmp_path) == printed(WAITING + program, tmp_path)


LATE = """
stack = TerraformStack(app, "one")
before = SqsQueue(stack, "before")
stack.node.lock()
def make():
    return SqsQueue(stack, "queue")
queue = make()
queue.depends_on = ["aws_sqs_queue.other"]
below = Construct(queue, "below")
"""


def test_what_cannot_be_foreseen_is_told_by_the_next_answer(tmp_path: Path) -> None:
    done = run(f"{LATE}print('made')\nbefore.friendly_unique_id\n", tmp_path)
    assert (done.returncode, done.stdout) == (1, "made\n")
    text = done.stderr
    assert 'RuntimeError: Cannot add children to "one" during synthesis' in text
    note = text.split("This is not about the line above but about ")[1]
    line = 1 + (BEGIN + LATE).splitlines().index('    return SqsQueue(stack, "queue")')
    assert note.startswith("@cdktf/provider-aws.sqsQueue.SqsQueue, which was asked for before:\n")
    assert f'program.py", line {line}, in make\n' in note
    assert "lazy_bindings" not in note


def test_the_program_may_go_on_after_it(tmp_path: Path) -> None:
    program = f"""{LATE}
told = []
for look in (
    lambda: before.friendly_unique_id,
    lambda: queue.friendly_unique_id,
    lambda: below.node.path,
    lambda: before.friendly_unique_id,
):
    try:
        told.append(look())
    except Exception as error:
        told.append(str(error))
print(json.dumps(told))
"""
    why = 'Cannot add children to "one" during synthesis'
    unmade = f"@cdktf/provider-aws.sqsQueue.SqsQueue@ahead-2 was not made: {why}"
    assert printed(program, tmp_path) == [why, unmade, unmade, "before"]


def test_every_failure_is_told(tmp_path: Path) -> None:
    program = """
stack = TerraformStack(app, "one")
before = SqsQueue(stack, "before")
stack.node.lock()
SqsQueue(stack, "first")
SqsQueue(stack, "second")
told = []
for _ in range(3):
    try:
        told.append(before.friendly_unique_id)
    except Exception as error:
        told.append(error.__notes__[0].rpartition("line ")[2].partition(",")[0])
print(json.dumps(told))
"""
    first = 1 + (BEGIN + program).splitlines().index('SqsQueue(stack, "first")')
    assert printed(program, tmp_path) == [str(first), str(first + 1), "before"]


def test_at_the_latest_when_the_program_ends(tmp_path: Path) -> None:
    done = run(f"{LATE}print('made')\n", tmp_path)
    assert done.stdout == "made\n"
    assert 'RuntimeError: Cannot add children to "one" during synthesis' in done.stderr
    assert "in make\n" in done.stderr


def test_an_object_that_jsii_gives_back_is_the_one_that_was_made(tmp_path: Path) -> None:
    program = """
stack = TerraformStack(app, "one")
part = Construct(stack, "part")
queue = SqsQueue(part, "queue", name="queue")
print(json.dumps([part.node.children == [queue], queue.node.scope is part, part.node.root is app]))
"""
    assert printed(program, tmp_path) == [True, True, True]


OVERRIDING = """
class Stack(TerraformStack):
    def _allocate_logical_id(self, element):
        return "own_" + element.node.id

stack = Stack(app, "one")
waited.clear()
queue = SqsQueue(stack, "queue", name="queue")
print(json.dumps([waited, json.loads(Testing.synth(stack))["resource"]]))
"""


def test_where_jsii_may_call_python_everything_is_waited_for(tmp_path: Path) -> None:
    waited, resources = printed(OVERRIDING, tmp_path)
    assert waited[0] == "CreateRequest"
    assert resources["aws_sqs_queue"].keys() == {"own_queue"}


def test_jsii_may_ask_for_something_before_a_construct_is_made(tmp_path: Path) -> None:
    program = """
class Part(Construct):
    @property
    def node(self):
        asked.append("node")
        return super().node

asked = []
stack = TerraformStack(app, "one")
queue = SqsQueue(Part(stack, "part"), "queue", name="queue")
print(json.dumps([asked, queue.node.path]))
"""
    asked, path = printed(program, tmp_path)
    assert set(asked) == {"node"}
    assert path == "one/part/queue"


def test_a_construct_that_is_made_during_the_synthesis_is_waited_for(tmp_path: Path) -> None:
    program = """
from cdktf import Aspects, IAspect
from cdktf_cdktf_provider_aws.provider import AwsProvider

@jsii.implements(IAspect)
class Adds:
    def visit(self, node):
        if isinstance(node, TerraformStack):
            waited.clear()
            SqsQueue(node, "added", name="added")
            made.extend(waited)

made = []
stack = TerraformStack(app, "one")
AwsProvider(stack, "aws")
Aspects.of(stack).add(Adds())
waited.clear()
SqsQueue(stack, "queue", name="queue")
before = list(waited)
app.synth()
document = json.load(open("cdktf.out/stacks/one/cdk.tf.json"))
print(json.dumps([before, made, sorted(document["resource"]["aws_sqs_queue"])]))
"""
    assert printed(program, tmp_path) == [[], ["CreateRequest"], ["added", "queue"]]


@pytest.mark.parametrize(
    ("options", "variables"),
    [(("-O",), {}), ((), {"JSII_HOST_STACK_TRACES": "1"})],
    ids=["-O", "stack traces"],
)
def test_without_checks_or_with_stack_traces_everything_is_waited_for(
    tmp_path: Path, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    program = """
stack = TerraformStack(app, "one")
waited.clear()
SqsQueue(stack, "queue", name="queue")
print(json.dumps(waited))
"""
    assert printed(program, tmp_path, *options, **variables) == ["CreateRequest"]


KERNEL = """
const fs = require("fs");
const read = () => {
  const buffer = Buffer.alloc(4096);
  return buffer.toString("utf-8", 0, fs.readSync(3, buffer, 0, buffer.length, null)).trimEnd();
};
const answers = JSON.parse(process.env.ANSWERS);
const seen = [];
for (let request; (request = read()); ) {
  seen.push(request);
  for (const answer of answers.shift() ?? []) {
    fs.writeSync(3, Buffer.from(JSON.stringify(answer) + "\\n"));
    if ("callback" in answer) seen.push(read());
  }
}
fs.writeSync(3, Buffer.from(JSON.stringify({ seen }) + "\\n"));
"""


def exchange(tmp_path: Path, requests: list[str], answers: list[Any]) -> list[Any]:
    """Returns what Python is answered, and in the end what the kernel has seen."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "program.js").write_text(KERNEL, "utf-8")
    (tmp_path / "bin").mkdir()
    for script in SCRIPTS:
        shutil.copy(script, tmp_path / "bin")
    done = subprocess.run(
        [os.environ.get("JSII_NODE", "node"), str(tmp_path / "bin" / SCRIPTS[0].name)],
        input="".join(f"{request}\n" for request in requests),
        env={**os.environ, "ANSWERS": json.dumps(answers)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_names_stand_for_the_kernel_s_references(tmp_path: Path) -> None:
    requests = [
        '+T@mine {"fqn": "T", "api": "create"}',
        '{"objref": {"$jsii.byref": "T@mine"}, "value": "say \\"$jsii.byref\\": \\"T@mine\\"", "api": "set"}',
    ]
    answers = [
        [{"ok": {"$jsii.byref": "T@10000"}}],
        [
            {
                "ok": {
                    "value": [
                        {"$jsii.byref": "T@10000"},
                        {"$jsii.byref": "T@10001"},
                        'a "$jsii.byref":"T@10000"',
                    ]
                }
            }
        ],
    ]
    assert exchange(tmp_path, requests, answers) == [
        {
            "ok": {
                "value": [{"$jsii.byref": "T@mine"}, {"$jsii.byref": "T@10001"}, 'a "$jsii.byref":"T@10000"']
            }
        },
        {
            "seen": [
                '{"fqn": "T", "api": "create"}',
                '{"objref": {"$jsii.byref": "T@10000"}, "value": "say \\"$jsii.byref\\": \\"T@mine\\"", "api": "set"}',
            ]
        },
    ]


def test_what_is_only_to_be_quicker_may_fail(tmp_path: Path) -> None:
    requests = ['+ {"fqn": "T", "api": "sget"}', '{"fqn": "T", "api": "get"}']
    answers = [[{"error": "no such class", "name": "e", "stack": ""}], [{"ok": {"value": 1}}]]
    assert exchange(tmp_path, requests, answers) == [
        {"ok": {"value": 1}},
        {"seen": [requests[0][2:], requests[1]]},
    ]


def test_a_load_is_not_told_of_a_failure(tmp_path: Path) -> None:
    failure = {"error": "wrong", "name": "e", "stack": ""}
    requests = [
        '+T@mine {"api": "create"}',
        '{"name": "p", "api": "load"}',
        '{"api": "get"}',
        '{"api": "get"}',
    ]
    answers = [[failure], [{"ok": {"types": 1}}], [{"ok": {}}]]
    assert exchange(tmp_path, requests, answers) == [
        {"ok": {"types": 1}},
        {**failure, "ahead": "T@mine"},
        {"ok": {}},
        {"seen": ['{"api": "create"}', requests[1], requests[3]]},
    ]


def test_a_call_of_python_that_nobody_expects_fails(tmp_path: Path) -> None:
    callback = {"callback": {"cbid": "c1", "cookie": "visit"}}
    refused = {"error": "refused", "name": "e", "stack": ""}
    requests = ['+T@mine {"api": "create"}', '{"api": "get"}']
    told, seen = exchange(tmp_path, requests, [[callback, refused]])
    assert told == {**refused, "ahead": "T@mine"}
    assert json.loads(seen["seen"][1]) == {
        "complete": {
            "cbid": "c1",
            "err": "jsii asked Python for something while it did what it was to do without Python",
            "name": "@jsii/kernel.Fault",
        }
    }
