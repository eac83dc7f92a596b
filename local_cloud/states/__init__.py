"""Step Functions state machines on this machine, with moto's interpreter.

moto 5.2.5 has the interpreter of LocalStack, but not everything around it, and some of it does not work outside of
LocalStack. What is added or replaced here, one concern a file:

- `setup`: connects it all, when Step Functions is first called (the interpreter takes seconds to import).
- `operations`: the operations of the API, those that moto lacks among them.
- `backend`: state machines, versions, and the starting of executions.
- `execution`: one execution: its limits, its end, its records.
- `status_events`: its events for EventBridge.
- `interpreter`: the way through the states: timeouts and stops that take effect at once, no thread that is not needed.
- `choices`: the comparisons of Choice states, and timestamps.
- `functions`, `clients`: how tasks call Lambda (in this process) and other services (this server's own port).
- `roles`: what the state machine's role allows.
- `task_errors`: the errors of tasks, also where the role does not allow a call.
- `jsonata`: the query language, which moto leaves to a Java library that it does not have.
- `validation`: what is wrong with a definition.
- `records`: log events for CloudWatch Logs and readable lines for the developer.

What AWS refuses and this allows on purpose: GetExecutionHistory and DescribeExecution also know Express executions, so
that a workflow can be looked into without a log group.
"""

from __future__ import annotations

from local_cloud.states.setup import close_logs, install, stop_executions

__all__ = ["close_logs", "install", "stop_executions"]
