"""The classes of moto's interpreter that are used here; moto 5.2.5 has a module for each, a few packages deep."""

# Other modules use these as members of this one.
# mypy: implicit-reexport
# ruff: noqa: F401, I001
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import (
    EvalComponent, MaxAttemptsOutcome, RetrierOutcome,
)  # fmt: skip
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import (
    CatchOutcome, Environment, EvalTimeoutError, EventDetails, ExecutionState, FailureEvent,
    FailureEventException, Heartbeat, RetryOutcome, Timeout,
)  # fmt: skip
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iterator.inline_iterator import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    CallbackEndpoint, CallbackOutcomeFailure, CallbackOutcomeSuccess, ResourceCondition, StateTaskService,
    StateTaskServiceCallback,
)  # fmt: skip
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_factory import (
    StateTaskServiceApiGateway, StateTaskServiceAwsSdk, StateTaskServiceDynamoDB, StateTaskServiceEvents,
    StateTaskServiceLambda, StateTaskServiceSfn, StateTaskServiceSqs, StateTaskServiceUnsupported,
)  # fmt: skip
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory import (
    StateTask, StateTaskActivity, StateTaskLambda,
)  # fmt: skip
from moto.stepfunctions.parser.asl.component.state.state_props import CauseDecl, ErrorDecl, Items
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    ActivityCallbackEndpoint, ActivityTaskStartEndpoint,
)  # fmt: skip
from moto.stepfunctions.parser.asl.eval.environment import EventManager, ProgramStopped, VariableStore
from moto.stepfunctions.parser.asl.eval.evaluation_details import ExecutionDetails
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.static_analyser.express_static_analyser import ExpressStaticAnalyser
from moto.stepfunctions.parser.asl.static_analyser.variable_references_static_analyser import (
    VariableReferencesStaticAnalyser,
)
from moto.stepfunctions.parser.asl.parse.preprocessor import (
    AssignDecl, AssignTemplateBinding, BranchesDecl, Cause, CausePath, ChoiceRule, CommonStateField,
    ComparisonFuncStringVariableSample, ComparisonVariable, ConditionStringJSONata, CustomErrorName, Error,
    ErrorEqualsDecl, ErrorName, ErrorPath, HeartbeatSecondsPath, InputPath, ItemsPath, JSONataTemplateBinding,
    JSONataTemplateValueArray, Output, OutputPath, Parargs, QueryLanguage, QueryLanguageMode, ResultPath,
    RetrierDecl, SecondsJSONata, StateChoice, StateMap, StateParallel, StatesErrorName, StatesErrorNameType,
    StringContextPath, StringIntrinsicFunction, StringJSONata, StringJsonPath, StringVariableSample,
    TimeoutSecondsPath, Timestamp, TimestampPath,
)  # fmt: skip
