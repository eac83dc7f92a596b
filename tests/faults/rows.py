"""Which tests show that the project survives each fault that a gateway, an authorizer or a handler can meet.

The numbers are those of the project's list of faults. `test_rows.py` holds the table to the tests that there are.
"""

from __future__ import annotations

from dataclasses import dataclass

HANDLERS = "tests/unit/handlers"
GATEWAY = "tests/unit/local_cloud"
FUNCTIONS = "tests/unit/local_cloud_functions"
CONSTRUCTS = "tests/constructs"
FAULTS = "tests/faults"
BODIES = f"{FAULTS}/test_fault_bodies.py"
REQUESTS = f"{FAULTS}/test_fault_requests.py"
ANSWERS = f"{FAULTS}/test_fault_answers.py"
CANARIES = f"{FAULTS}/test_canaries.py"

_STRICT = f"{HANDLERS}/test_handlers_strict_json.py::test_what_is_not_strict_json_is_refused"
_MALFORMED = f"{BODIES}::test_a_malformed_body_is_a_400"
_MUTATIONS = f"{CONSTRUCTS}/test_mutations.py::test_a_fault_is_found_by_the_rule_for_it"
_COGNITO = f"{GATEWAY}/test_gateway_cognito_tokens.py"
_AUTHORIZERS = f"{GATEWAY}/test_gateway_lambda_authorizers.py"
_SIGV4 = f"{GATEWAY}/test_gateway_sigv4.py"
_KEYS = f"{GATEWAY}/test_gateway_api_keys.py"
_STEPS = f"{GATEWAY}/test_gateway_steps.py"
_OUTCOMES = f"{FUNCTIONS}/test_function_outcomes.py"
_JOBS = f"{HANDLERS}/test_jobs.py"
_AWS_API = f"{HANDLERS}/test_handlers_aws_api.py"
_SUMMARIES = f"{HANDLERS}/test_summaries.py"
_PROXY = f"{HANDLERS}/test_handlers_proxy_request.py"
_SETTINGS = "tests/unit/test_constructs_settings.py"
_E2E = "tests/e2e/gateway"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    Attributes:
        part: The part of the list that it is in.
        title: What it is, in two words.
        tests: The tests that cover it, as `file::function`.
        reason: Why some of it, or all, cannot happen here; empty where all of it is tested.
    """

    part: str
    title: str
    tests: tuple[str, ...]
    reason: str = ""


ROWS: dict[int, Row] = {
    # --- bodies
    1: Row("A", "malformed, modelled", (
        _MALFORMED,
        f"{GATEWAY}/test_gateway_validation.py::test_a_body_must_fit_its_model",
        f"{CONSTRUCTS}/test_construct_invariants.py::test_every_model_is_for_every_content_type_and_is_enforced",
    )),
    2: Row("A", "malformed, unmodelled", (
        _MALFORMED,
        f"{BODIES}::test_any_body_is_answered_with_a_problem",
        f"{HANDLERS}/test_handlers_body_properties.py::test_any_text",
    )),
    3: Row("A", "unmodelled type", (
        f"{BODIES}::test_the_model_is_for_every_content_type",
        f"{BODIES}::test_what_fits_the_model_and_is_no_json_by_its_type_is_a_415",
        f"{HANDLERS}/test_handlers_service.py::test_a_type_that_is_not_read_is_a_415_that_says_what_is",
    )),
    4: Row("A", "no type", (
        f"{BODIES}::test_without_a_content_type_a_body_is_json_over_http",
        f"{_PROXY}::test_without_a_content_type_a_body_is_json",
    )),
    5: Row("A", "empty body", (_MALFORMED, f"{_PROXY}::test_no_body_is_no_bytes", _STRICT)),
    6: Row("A", "no object", (_MALFORMED, f"{HANDLERS}/test_handlers_strict_json.py::test_json_that_is_no_object_is_refused")),
    7: Row("A", "deep nesting", (_MALFORMED, _STRICT, f"{GATEWAY}/test_gateway_validation.py::test_no_body_makes_the_gateway_fail")),
    8: Row("A", "long integer", (_MALFORMED, _STRICT)),
    9: Row("A", "infinite numbers", (
        _MALFORMED,
        f"{HANDLERS}/test_handlers_strict_json.py::test_what_looks_like_json_gives_finite_numbers_or_is_refused",
    )),
    12: Row("A", "broken UTF-8", (
        _MALFORMED,
        f"{HANDLERS}/test_handlers_strict_json.py::test_any_bytes_are_read_or_refused",
        f"{HANDLERS}/test_handlers_service.py::test_a_picture_that_cannot_be_read_is_refused",
    )),
    14: Row("A", "huge body", (
        f"{BODIES}::test_a_body_that_is_too_large_is_a_413_that_the_page_can_read",
        f"{_E2E}/test_gateway_answers.py::test_a_body_over_10_mb_is_413",
        f"{_STEPS}::test_a_body_of_unknown_length_is_not_read_beyond_10_mb",
    )),
    15: Row("A", "large event", (
        f"{BODIES}::test_an_event_that_lambda_would_not_take_is_a_413",
        f"{BODIES}::test_the_handlers_own_limit_lies_below_lambdas",
        f"{HANDLERS}/test_handlers_service.py::test_the_largest_body_fits_into_a_lambda_event_as_base64",
    )),
    16: Row("A", "large answer", (
        f"{HANDLERS}/test_handlers_service.py::test_an_answer_too_large_for_lambda_is_a_500_and_one_that_fits_is_not",
        f"{GATEWAY}/test_gateway_response.py::test_an_answer_over_6_mb_is_502",
        f"{_OUTCOMES}::test_a_response_over_six_megabytes_is_too_large_and_the_worker_goes_on",
        f"{_JOBS}::test_parts_that_were_stored_or_failed_are_put_together",
    )),
    18: Row("A", "image bomb", (
        f"{BODIES}::test_what_is_no_harmless_image_is_refused",
        "tests/unit/vision/test_vision_images.py::test_bombs_take_little_memory",
        "tests/unit/vision/test_vision_images.py::test_too_many_pixels_are_refused",
    )),
    19: Row("A", "polyglot file", (
        f"{BODIES}::test_what_is_no_harmless_image_is_refused",
        f"{BODIES}::test_any_bytes_as_an_image_are_refused",
        "tests/unit/vision/test_vision_images.py::test_what_follows_the_image_is_left_behind",
        "tests/unit/vision/test_vision_aws_backend.py::test_rekognition_gets_pixels_and_nothing_else",
    )),
    20: Row("A", "archive bomb", (
        f"{BODIES}::test_archives_and_documents_have_no_route",
        f"{FUNCTIONS}/test_function_archives.py::test_an_archive_over_lambdas_limit_is_refused",
        f"{FUNCTIONS}/test_function_archives.py::test_an_archive_that_cannot_be_right_is_refused_and_leaves_nothing",
    ), "no route takes an archive or a document; the archives that are unpacked are those of functions"),
    # --- paths, queries, headers
    21: Row("B", "unknown route", (
        f"{REQUESTS}::test_any_path_that_no_route_has_is_refused_without_an_echo",
        f"{GATEWAY}/test_gateway_routing.py::test_any_path_is_found_or_not_but_never_an_error",
        f"{_E2E}/test_gateway_behaviour.py::test_no_route",
    )),
    22: Row("B", "path traversal", (
        f"{REQUESTS}::test_nothing_behind_a_variable_leads_elsewhere",
        f"{_PROXY}::test_no_path_gets_out_of_its_folder",
        f"{_E2E}/test_gateway_behaviour.py::test_paths",
    )),
    25: Row("B", "duplicate query", (
        f"{REQUESTS}::test_a_field_of_the_query_is_there_once",
        f"{HANDLERS}/test_handlers_body_properties.py::test_any_query",
        f"{_E2E}/test_gateway_behaviour.py::test_query_parameters",
    )),
    26: Row("B", "query escapes", (
        f"{REQUESTS}::test_the_query_is_decoded_once",
        f"{GATEWAY}/test_gateway_event.py::test_query_values_are_unescaped_once",
        f"{_PROXY}::test_query_values_are_not_decoded_again",
    )),
    27: Row("B", "long URL", (
        f"{REQUESTS}::test_long_addresses_and_headers_end_at_the_door",
        f"{_E2E}/test_gateway_behaviour.py::test_a_url_that_is_too_long_is_414",
    )),
    28: Row("B", "large headers", (
        f"{REQUESTS}::test_long_addresses_and_headers_end_at_the_door",
        f"{_E2E}/test_gateway_behaviour.py::test_headers_that_are_too_large_are_431",
    )),
    29: Row("B", "header injection", (
        f"{REQUESTS}::test_headers_that_are_none_end_at_the_door",
        f"{REQUESTS}::test_no_header_breaks_anything_or_comes_back",
        f"{GATEWAY}/test_gateway_velocity.py::test_no_header_can_be_made_from_what_a_client_sends",
    )),
    31: Row("B", "request smuggling", (
        f"{REQUESTS}::test_headers_that_are_none_end_at_the_door",
        f"{GATEWAY}/test_local_cloud_server.py::test_a_request_behind_a_smuggled_body_is_not_answered",
    )),
    32: Row("B", "spoofed address", (
        f"{REQUESTS}::test_headers_that_want_to_be_believed_change_nothing",
        f"{_PROXY}::test_the_address_is_the_gateways_word_and_not_a_headers",
    )),
    35: Row("B", "method override", (
        f"{REQUESTS}::test_headers_that_want_to_be_believed_change_nothing",
        f"{HANDLERS}/test_handlers_service.py::test_a_header_does_not_override_the_method",
    )),
    36: Row("B", "foreign origin", (
        f"{REQUESTS}::test_a_page_that_is_not_listed_reads_nothing",
        f"{REQUESTS}::test_the_page_that_is_listed_reads_answers_and_errors",
        f"{GATEWAY}/test_gateway_velocity.py::test_a_preflight_of_several_origins",
        f"{HANDLERS}/test_handlers_cors.py::test_other_pages_may_not",
        f"{CONSTRUCTS}/test_construct_cors.py::test_a_page_can_read_them",
    )),
    # --- authentication and limits
    37: Row("C", "wrong key", (
        f"{_KEYS}::test_other_keys_get_one_and_the_same_answer",
        f"{CONSTRUCTS}/test_construct_usage_plan.py::test_a_key_is_never_all_that_callers_need",
        f"{HANDLERS}/test_partners.py::test_a_token_goes_with_one_api_key",
        f"{CANARIES}::test_credentials_of_partners_are_in_no_log",
    )),
    38: Row("C", "quota used", (
        f"{_KEYS}::test_a_quota_is_used_up_over_http",
        f"{_KEYS}::test_a_quota_begins_anew_with_its_period",
        f"{FAULTS}/test_fault_limits.py::test_who_comes_too_often_is_told_when_to_come_again",
    )),
    39: Row("C", "burst throttled", (
        f"{_STEPS}::test_over_the_limit_is_429",
        f"{_STEPS}::test_a_bucket_lets_a_burst_through_and_then_the_rate",
        f"{FAULTS}/test_fault_limits.py::test_who_comes_too_often_is_told_when_to_come_again",
        f"{FAULTS}/test_soak.py::test_everything_is_as_it_was",
    )),
    40: Row("C", "no token", (
        f"{_AUTHORIZERS}::test_without_the_token_nobody_is_asked",
        f"{_AUTHORIZERS}::test_a_token_must_match_the_expression",
        f"{_COGNITO}::test_no_token_is_401",
        f"{FAULTS}/test_fault_limits.py::test_any_token_that_is_none_is_401",
    )),
    41: Row("C", "expired token", (
        f"{_COGNITO}::test_an_expired_token_says_so",
        f"{_COGNITO}::test_a_clock_may_be_a_little_fast",
        f"{HANDLERS}/test_partners.py::test_everything_else_is_unauthorized",
    )),
    42: Row("C", "forged algorithm", (f"{_COGNITO}::test_forged_signatures",)),
    43: Row("C", "wrong claims", (f"{_COGNITO}::test_each_claim_is_checked_by_itself",)),
    45: Row("C", "keys unreachable", (
        f"{HANDLERS}/test_partners.py::test_nobody_passes_while_the_table_cannot_be_asked",
        f"{_COGNITO}::test_a_pool_or_a_client_that_is_deleted_counts_at_once",
        f"{_AUTHORIZERS}::test_an_authorizer_that_takes_too_long_is_a_failure",
    ), "API Gateway itself fetches the keys of a user pool; our own authorizer asks its table instead"),
    46: Row("C", "broken authorizer", (
        f"{_AUTHORIZERS}::test_a_function_that_raises",
        f"{_AUTHORIZERS}::test_an_answer_that_is_none",
        f"{_AUTHORIZERS}::test_a_bad_answer_is_500_over_http",
        f"{FAULTS}/test_fault_limits.py::test_whatever_an_authorizer_answers_nobody_passes_unless_it_says_so",
    )),
    47: Row("C", "explicit deny", (
        f"{_AUTHORIZERS}::test_a_policy_that_does_not_allow_is_403_over_http",
        f"{HANDLERS}/test_partners.py::test_a_partner_who_is_barred_is_denied",
    )),
    50: Row("C", "bad signature", (
        f"{_SIGV4}::test_no_signature_is_a_missing_token",
        f"{_SIGV4}::test_what_is_changed_after_signing_is_refused",
        f"{_SIGV4}::test_five_minutes_of_skew_are_allowed",
        f"{_SIGV4}::test_a_session_that_has_ended_is_expired",
    )),
    51: Row("C", "foreign job", (f"{_JOBS}::test_another_callers_job_is_not_there",)),
    52: Row("C", "default endpoint", (
        f"{GATEWAY}/test_gateway_domains.py::test_the_default_endpoint_can_be_closed_and_the_domain_stays_open",
        f"{CONSTRUCTS}/test_construct_domain_name.py::test_the_way_past_the_domain_is_closed",
    )),
    53: Row("C", "firewall limits", (
        f"{CONSTRUCTS}/test_construct_web_acl.py::test_the_rules_block_floods_and_let_prompts_through",
        f"{GATEWAY}/test_gateway_waf.py::test_only_the_start_of_a_large_body_is_inspected",
        f"{GATEWAY}/test_gateway_waf.py::test_requests_over_the_rate_are_blocked",
    )),
    54: Row("C", "cache invalidation", (
        f"{CONSTRUCTS}/test_construct_stage.py::test_a_cache_is_encrypted",
        f"{CONSTRUCTS}/test_construct_stage.py::test_caches_that_are_refused",
        f"{_STEPS}::test_response_caching",
    )),
    # --- functions and what they call
    55: Row("D", "unhandled exception", (
        f"{ANSWERS}::test_a_crash_of_the_model_is_a_500_and_the_function_lives_on",
        f"{ANSWERS}::test_a_crash_of_the_handler_is_a_502_in_the_form_of_all_errors",
        f"{_STEPS}::test_a_function_that_fails_is_502",
    )),
    58: Row("D", "unserializable answer", (
        f"{ANSWERS}::test_what_is_no_answer_is_a_502_without_a_word_of_it",
        f"{HANDLERS}/test_handlers_service.py::test_an_answer_that_json_cannot_hold_is_a_500",
        f"{_OUTCOMES}::test_what_json_cannot_hold_is_a_marshal_error",
    )),
    59: Row("D", "import error", (
        f"{_OUTCOMES}::test_a_missing_module_is_an_import_module_error",
        f"{HANDLERS}/test_handlers_cold_start.py::test_rejecting_a_request_loads_no_model",
    )),
    60: Row("D", "memory exhausted", (
        f"{_OUTCOMES}::test_more_memory_than_the_function_has_is_out_of_memory",
        f"{_OUTCOMES}::test_memory_at_import_counts",
        f"{FAULTS}/test_canaries_workers.py::test_a_process_that_ends_leaves_nothing_of_its_event_behind",
        f"{CONSTRUCTS}/test_construct_alarms.py::test_every_alarm_tells_somebody",
    )),
    62: Row("D", "integration timeout", (
        f"{_E2E}/test_gateway_answers.py::test_an_integration_timeout_is_504_and_the_function_runs_on",
        f"{CONSTRUCTS}/test_construct_lambda_integration.py::test_a_function_that_ends_just_before_api_gateway_stops_waiting",
        f"{HANDLERS}/test_language_service.py::test_a_backend_that_is_too_slow_is_a_504",
    )),
    63: Row("D", "concurrency exhausted", (
        f"{FUNCTIONS}/test_function_workers.py::test_reserved_concurrency_is_the_functions_limit",
        f"{_STEPS}::test_a_function_that_lambda_does_not_run",
        f"{CONSTRUCTS}/test_main.py::test_prod_limits_its_functions_and_uploads_to_a_bucket_that_exists",
    )),
    64: Row("D", "permission missing", (
        f"{_E2E}/test_gateway_answers.py::test_no_permission_and_an_integration_that_is_not_post_are_500",
        f"{GATEWAY}/test_gateway_deployments.py::test_an_alias_needs_a_permission_of_its_own",
        f"{CONSTRUCTS}/test_construct_invariants.py::test_every_lambda_integration_has_exactly_the_permission_it_needs",
    )),
    66: Row("D", "backend trouble", (
        f"{_AWS_API}::test_trouble_that_passes_is_tried_again",
        f"{_AWS_API}::test_trouble_that_stays_is_a_503_or_504",
        f"{_AWS_API}::test_an_answer_that_breaks_off_is_a_backend_error",
        f"{HANDLERS}/test_handlers_service.py::test_a_busy_backend_is_a_503_with_retry_after",
    ), "a breaker would be shared by nobody: a worker serves one request at a time, and the deadline bounds its attempts"),
    67: Row("D", "nonsense answer", (
        f"{ANSWERS}::test_whatever_the_language_service_answers_is_an_answer_or_a_502",
        f"{ANSWERS}::test_whatever_the_vision_service_answers_is_an_answer_or_a_502",
        f"{ANSWERS}::test_whatever_the_embedding_model_answers_is_an_answer_or_a_502",
        f"{ANSWERS}::test_numbers_and_nesting_that_python_chokes_on_are_a_502",
    ), "no model is asked for JSON, so that there is none to repair"),
    68: Row("D", "prompt injection", (
        f"{ANSWERS}::test_no_text_ends_the_document_that_the_model_is_given",
        f"{ANSWERS}::test_what_a_model_writes_is_data",
        f"{_SUMMARIES}::test_bedrock_gets_the_document_as_data",
        f"{HANDLERS}/test_job_callbacks.py::test_an_address_that_stands_for_another_or_is_not_public_is_refused",
    )),
    70: Row("D", "token cost", (
        f"{ANSWERS}::test_a_request_chooses_neither_model_nor_tokens",
        f"{_SUMMARIES}::test_a_text_that_is_too_long_is_refused",
        f"{CONSTRUCTS}/test_construct_usage_plan.py::test_a_plan_always_limits",
    )),
    # --- logs and secrets
    85: Row("F", "logged secrets", (
        f"{CANARIES}::test_secrets_that_are_sent_are_in_no_log_and_no_error",
        f"{FAULTS}/test_canaries_workers.py::test_a_process_that_ends_leaves_nothing_of_its_event_behind",
        f"{FAULTS}/test_canaries_deployed.py::test_secrets_are_in_no_log_of_the_deployed_stack",
        f"{HANDLERS}/test_handlers_service.py::test_the_log_has_one_line_without_what_was_sent",
        f"{CONSTRUCTS}/test_construct_invariants.py::test_the_stage_is_throttled_and_logs_without_bodies",
    )),
    87: Row("F", "access format", (
        f"{_SETTINGS}::test_a_secret_does_not_get_into_the_access_log",
        f"{_SETTINGS}::test_access_logs_that_are_refused",
        f"{GATEWAY}/test_gateway_error_responses.py::test_a_log_format_is_filled_in_without_being_evaluated",
    )),
    88: Row("F", "written secrets", (
        f"{_SETTINGS}::test_secrets_are_found",
        f"{CONSTRUCTS}/test_construct_usage_plan.py::test_the_value_of_a_key_is_in_no_output",
        f"{CONSTRUCTS}/test_mutations.py::test_faults_that_can_be_said_are_refused",
        _MUTATIONS,
    )),
    89: Row("F", "echoing errors", (
        f"{ANSWERS}::test_no_exception_of_any_text_reaches_the_caller_or_the_log",
        f"{BODIES}::test_any_body_is_answered_with_a_problem",
        f"{HANDLERS}/test_handlers_body_properties.py::test_any_object",
    )),
    90: Row("F", "debug flag", (
        f"{CONSTRUCTS}/test_construct_stage.py::test_stages_that_are_refused",
        f"{CONSTRUCTS}/test_construct_invariants.py::test_the_stage_is_throttled_and_logs_without_bodies",
        f"{HANDLERS}/test_handlers_body_properties.py::test_any_value_anywhere_in_the_event",
    ), "no flag makes a handler say or log more than it does; the stage's data trace cannot be turned on"),
}  # fmt: skip
