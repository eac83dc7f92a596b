"""Monthly budget of the account, which notifies before the money is spent."""

from __future__ import annotations

from constructs import Construct

from constructs_lib.aws_construct import AwsConstruct
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, check_range, path_below
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.notifications.alarm_topic import AlarmTopic
from constructs_lib.references import attribute, token, wait_for
from constructs_lib.stacks import check_same_stack

_NOTIFICATIONS = (("ACTUAL", 80), ("FORECASTED", 100), ("ACTUAL", 100))
"""Kind of costs, and percentage of the limit."""


class Budget(AwsConstruct):
    """AWS budget for the costs of a month (`aws_budgets_budget`).

    It notifies a topic when the costs are above 80 % and 100 % of the limit, and when AWS forecasts more than the limit.
    It does not stop anything. The costs are those of the whole account: costs by tag are empty until an administrator activates
    the tag in the account that pays. AWS updates them some three times a day.

    Args:
        scope: Parent construct.
        construct_id: Id in the parent construct.
        topic: The topic to notify.
        monthly_usd: Limit in US dollars, 1-1000000.
        name: Name in AWS. Default: the stack's prefix and the path below the stack.

    Raises:
        ConstructError: if an argument is not valid, or the topic is in another stack.

    Example:
        >>> topic = AlarmTopic(stack, "alarm-topic", encryption_key=EncryptionKey(stack, "key"))
        >>> budget = Budget(stack, "budget", topic=topic, monthly_usd=100)
        >>> budget.name
        'shop-budget'
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: AlarmTopic,
        monthly_usd: int,
        name: str | None = None,
    ) -> None:
        where = path_below(scope, construct_id)
        title = AwsStack.of(scope).physical_name(where) if name is None else name
        check_pattern(
            where, "name", title, r"[^:\\/]{1,100}", "use 1 to 100 characters without ':', '/' and '\\'"
        )
        check_range(where, "monthly_usd", monthly_usd, 1, 1_000_000)
        if not isinstance(topic, AlarmTopic):
            raise InvalidArgumentError(
                where, f"topic is of type {type(topic).__name__}", "pass AlarmTopic(...)"
            )
        check_same_stack(where, scope, topic)
        AwsStack.of(scope).claim(where, "budget name", title, scope="account")
        super().__init__(scope, construct_id)
        from cdktf_cdktf_provider_aws.budgets_budget import BudgetsBudget, BudgetsBudgetNotification

        self._name = title
        self._resource = self._create(
            BudgetsBudget,
            "Resource",
            name=title,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{monthly_usd}.0",
            limit_unit="USD",
            notification=[
                BudgetsBudgetNotification(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[attribute(topic.resource, "arn")],
                )
                for kind, percent in _NOTIFICATIONS
            ],
        )
        # AWS Budgets checks its permission to publish.
        wait_for(self._resource, topic._allow_budgets(), first=True)

    @property
    def name(self) -> str:
        """Name in AWS."""
        return self._name

    @property
    def arn(self) -> str:
        """ARN; a reference."""
        return token(self._resource, "arn")
