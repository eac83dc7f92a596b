"""Firewall, alarms, dashboard and budget over everything in a stack."""

from __future__ import annotations

from collections.abc import Sequence

import jsii
from cdktf import Aspects, IAspect
from constructs import Construct, IConstruct

from constructs_lib.api.stage import Stage
from constructs_lib.authorization.user_pool import UserPool
from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.functions.dead_letter_queue import DeadLetterQueue
from constructs_lib.functions.function import Function
from constructs_lib.kms.encryption_key import EncryptionKey
from constructs_lib.monitoring.alarms import Alarms, Thresholds
from constructs_lib.monitoring.budget import Budget
from constructs_lib.monitoring.dashboard import Dashboard
from constructs_lib.monitoring.metric_alarm import MetricAlarm
from constructs_lib.monitoring.paid_calls import PaidCalls
from constructs_lib.notifications.alarm_topic import AlarmTopic
from constructs_lib.patterns.ai_service import AiService
from constructs_lib.patterns.job_runner import JobRunner
from constructs_lib.patterns.meter import Meter
from constructs_lib.workflows.workflow import Workflow


class Protection(AwsConstruct):
    """Web ACL, alarms, dashboard and monthly budget for the stages of a stack and everything behind them.

    It finds the stages, functions, workflows, dead-letter queues, user pools and paid calls of its stack at
    synth, regardless of the order of creation. Dead-letter queues that have an alarm get no second one. The
    topic has the stack's key, or else a key of its own.

    Args:
        scope: The construct that it belongs to.
        construct_id: Its id in `scope`.
        monthly_usd: Costs of the AWS account in a month, in US dollars, 1-1000000. The topic is notified at 80 %,
            at 100 %, and when AWS forecasts more.
        emails: Addresses to notify; each has to confirm AWS's message. Default: none.
        thresholds: Thresholds of the alarms. Default: `Thresholds()`.
        name: Name of the web ACL and the dashboard, and prefix of the names of the others. Default: the stack's prefix.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=IamAuthorization())
        >>> stage = api.deploy("prod")
        >>> protection = Protection(stack, "protection", monthly_usd=100, emails=["ops@shop.example"])
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        monthly_usd: int,
        emails: Sequence[str] = (),
        thresholds: Thresholds | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._thresholds = thresholds
        self._name = AwsStack.of(scope).name_prefix if name is None else name
        self._topic = AlarmTopic(
            self,
            "alarm-topic",
            name=f"{self._name}-alarms",
            emails=emails,
            encryption_key=AwsStack.of(scope).encryption_key or EncryptionKey(self, "key"),
        )
        Budget(
            self,
            "budget",
            topic=self._topic,
            monthly_usd=monthly_usd,
            name=f"{self._name}-monthly",
        )
        Aspects.of(self).add(_WatchesStack(self))

    @property
    def topic(self) -> AlarmTopic:
        """The topic that alarms, the budget and open approvals notify."""
        return self._topic

    def _watch(self) -> None:
        # The bindings of a web ACL take longer to load than all others together.
        from constructs_lib.security.web_acl import WebAcl

        stack = AwsStack.of(self)
        stages = stack.find_all(Stage)
        functions, workflows = stack.find_all(Function), stack.find_all(Workflow)
        paid_calls: dict[str, PaidCalls] = {}
        for service in stack.find_all(AiService):
            paid_calls.update(service.paid_calls)
        WebAcl(self, "firewall", name=self._name, stages=stages, user_pools=stack.find_all(UserPool))
        Alarms(
            self,
            "alarms",
            topic=self._topic,
            stages=stages,
            functions=functions,
            workflows=workflows,
            paid_calls=paid_calls,
            thresholds=self._thresholds,
        )
        for queue in stack.find_all(DeadLetterQueue):
            if not queue.has_alarm:
                queue.alarm(self._topic)
        for runner in stack.find_all(JobRunner):
            if runner.has_approvals:
                runner.notify(self._topic)
        meters = [meter.namespace for meter in stack.find_all(Meter)]
        for namespace in meters:
            MetricAlarm(
                name=f"{self._name}-budgets",
                description="A budget of a tenant, a key or a route is used up to 80 %.",
                namespace=namespace,
                metric="budget.warnings",
                dimensions={},
                statistic="Sum",
                threshold=1,
                periods=1,
            ).made(self, self._topic)
        Dashboard(
            self,
            "dashboard",
            name=self._name,
            stages=stages,
            functions=functions,
            workflows=workflows,
            meters=meters,
        )


@jsii.implements(IAspect)
class _WatchesStack:
    """Aspect that creates the parts of a `Protection` when the stack is complete."""

    def __init__(self, protection: Protection) -> None:
        self._protection: Protection | None = protection

    def visit(self, node: IConstruct) -> None:  # noqa: ARG002 - cdktf names it
        protection, self._protection = self._protection, None
        if protection is not None:
            protection._watch()
