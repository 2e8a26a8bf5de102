"""Every kind of bad input to the doors (H) and the streams (S) has its tests, and they are still there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
POLICIES, HOSTILE = "unit/interfaces/http/test_policies.py", "unit/interfaces/http/test_hostile.py"
SIMPLE, GRPC = "unit/interfaces/http/test_simple.py", "unit/interfaces/grpc/test_door.py"
DECODING, STREAMS = "unit/serving/test_decoding.py", "unit/lifecycle/test_streaming.py"
ACCESS, CRASHES = "unit/serving/test_access.py", "journeys/test_stream_crashes.py"

#: row: what comes in, and which tests send it
ROWS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "H1": ("every route without, with a wrong and with a revoked key", (
        (POLICIES, "test_every_route_asks_for_its_scope_whatever_the_method"),
        (POLICIES, "test_unlisted_paths_do_not_exist_with_any_key"),
        (POLICIES, "test_a_route_without_a_policy_cannot_be_built"),
        (GRPC, "test_keys_decide_who_may_ask_what_and_how_often"),
    )),
    "H2": ("paths and hosts that two readers read differently", (
        (HOSTILE, "test_a_path_that_two_readers_could_read_differently_reaches_no_handler"),
        (HOSTILE, "test_a_host_that_is_none_is_refused"),
    )),
    "H3": ("a foreign Host or Origin", (
        (HOSTILE, "test_a_foreign_host_is_refused_whatever_the_verb"),
        (HOSTILE, "test_pages_of_other_places_are_refused"),
    )),
    "H4": ("a simple cross-site POST", (
        (HOSTILE, "test_only_plain_json_is_taken"), (HOSTILE, "test_pages_of_other_places_are_refused"),
    )),
    "H5": ("bodies that are large, slow, in tiny chunks, compressed or of two lengths", (
        (HOSTILE, "test_an_announced_body_that_is_too_large_is_refused_before_it_is_sent"),
        (HOSTILE, "test_a_chunked_body_is_counted_while_it_arrives"),
        (HOSTILE, "test_tiny_chunks_make_one_body"),
        (HOSTILE, "test_headers_that_conflict_or_are_none_are_refused"),
        (HOSTILE, "test_slow_heads_are_given_up_while_a_good_client_is_answered"),
        (HOSTILE, "test_a_body_that_does_not_come_is_given_up"),
    )),
    "H6": ("multipart", ((HOSTILE, "test_only_plain_json_is_taken"),)),
    "H7": ("ten thousand ranges", ((HOSTILE, "test_ten_thousand_ranges_cost_nothing"),)),
    "H8": ("too many rows, deep JSON, wrong types, missing fields, unseen categories", (
        (DECODING, "test_caps_hold_before_and_after_decoding"),
        (DECODING, "test_a_wrong_value_is_refused_by_field_and_row"),
        (DECODING, "test_missing_values_unknown_fields_categories_and_ranges_follow_the_policy"),
        (DECODING, "test_partial_answers_name_every_bad_row_and_keep_the_good_ones"),
    )),
    "H9": ("encoded dots, zero bytes, overlong UTF-8", (
        (HOSTILE, "test_a_path_that_two_readers_could_read_differently_reaches_no_handler"),
    )),
    "H10": ("signs in paths that cut them", (
        (HOSTILE, "test_a_path_that_two_readers_could_read_differently_reaches_no_handler"),
    )),
    "H11": ("a handler that fails", (
        (SIMPLE, "test_an_unexpected_error_gives_its_number_and_nothing_else"),
        (GRPC, "test_an_unexpected_error_says_its_number_and_nothing_else"),
    )),
    "H12": ("names of what others own", ((POLICIES, "test_unlisted_paths_do_not_exist_with_any_key"),)),
    "H13": ("other methods", ((POLICIES, "test_other_methods_are_refused_with_what_is_allowed"),)),
    "H14": ("gRPC: large, broken, without a deadline, reset by the hundred, reflection", (
        (GRPC, "test_a_message_beyond_the_limit_never_reaches_a_model"),
        (GRPC, "test_a_wrong_request_is_refused_by_name"),
        (GRPC, "test_no_deadline_is_no_reason_to_wait_forever"),
        (GRPC, "test_mass_cancelling_leaves_nothing_behind"),
        (GRPC, "test_what_is_not_offered_is_unimplemented"),
    )),
    "H15": ("one key floods", (
        (POLICIES, "test_a_flooding_key_is_told_when_to_come_back"),
        (ACCESS, "test_the_rate_is_one_for_all_workers_and_one_key_takes_nothing_from_another"),
    )),
    "H16": ("a sweep that copies the model: the quota; rounded answers for those trusted less are not there", (
        (ACCESS, "test_a_sweep_of_fifty_thousand_queries_gets_no_more_than_the_keys_rate"),
    )),
    "H17": ("a used idempotency key with another body", (
        (SIMPLE, "test_an_idempotency_key_replays_its_reply"),
        (GRPC, "test_the_same_idempotency_key_is_answered_once"),
        ("journeys/test_serve_shared.py", "test_a_retry_gets_its_answer_from_whichever_worker_it_reaches"),
    )),
    "H18": ("line ends and escapes in names", ((HOSTILE, "test_a_name_in_the_body_cannot_write_headers"),)),
    "S1": ("no JSON, a wrong schema, ten megabytes", (
        (STREAMS, "test_what_is_no_event_is_poison"),
        (STREAMS, "test_what_cannot_be_read_goes_to_the_dead_letters_at_once_and_the_rest_flows"),
    )),
    "S2": ("the same event again", (
        (STREAMS, "test_the_same_event_has_one_effect"),
        ("contracts/test_brokers.py", "test_a_key_sent_twice_is_there_once"),
    )),
    "S3": ("a crash between the answer and the position", (
        (CRASHES, "test_kills_lose_and_double_nothing"), (STREAMS, "test_a_ledger_that_fails_acknowledges_nothing"),
    )),
    "S4": ("an event that kills its worker", (
        (STREAMS, "test_an_event_that_kills_the_process_is_counted_alone_and_buried"),
        (STREAMS, "test_an_event_that_crashes_the_model_is_tried_then_buried_and_the_rest_flows"),
    )),
    "S5": ("a header that says pickle", (
        (STREAMS, "test_a_pickle_content_type_is_refused_before_anything_is_decoded"),
    )),
    "S6": ("an open broker elsewhere", (
        (STREAMS, "test_an_open_broker_elsewhere_is_refused"),
        ("journeys/test_stream_command.py", "test_a_stream_that_strangers_could_read_is_refused"),
    )),
}  # fmt: skip


def _names(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_row_is_missing() -> None:
    assert list(ROWS) == [*(f"H{number}" for number in range(1, 19)), *(f"S{number}" for number in range(1, 7))]


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_are_there(row: str) -> None:
    _, tests = ROWS[row]
    assert tests
    missing = [f"{file}::{name}" for file, name in tests if name not in _names(file)]
    assert not missing, f"{row}: {', '.join(missing)}"
