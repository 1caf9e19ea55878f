"""What is done to the gate itself, and what must come of it: refused, FAIL, or no charge; and the test that holds it.

Owns the list only. A fault of the payment system is planted in the sandbox (`e2e`, `microcharge`); these are done to the
tool, its files, its session and the people around it, so each is held by a test of its own, named here by its node id.
"""

from __future__ import annotations

from tests.faults.gate_entry import GateFault, Outcome

_REHEARSAL = "tests/rehearsal"
_HOSTILE = f"{_REHEARSAL}/test_rehearsals.py::test_no_invocation_charges_twice_or_fakes_a_pass"
_OPERATOR = f"{_REHEARSAL}/test_operator_path.py::"
_CAPACITY = f"{_REHEARSAL}/test_capacity.py::"
_RECOVERY = f"{_REHEARSAL}/test_recovery.py::"
_PERSON = f"{_REHEARSAL}/test_person.py::"
_APPROVAL = "tests/unit/core/test_approval.py::"
_BUNDLE = "tests/attack/test_bundle_attacks.py::"
_TWO = "tests/attack/test_two_verifiers.py::"
_SEALS = "tests/attack/test_seal_chains.py::"
_INJECTION = "tests/attack/test_injection.py::"
_LAUNCH = "tests/launch/test_launch.py::"
_PREVIOUS = "tests/launch/test_previous_run.py::"
_UNTIL_GREEN = "tests/launch/test_run_until_green.py::"
_VERDICTS = "tests/plugin/test_verdicts.py::"
_DESK = "tests/unit/test_desk.py::"
_SESSION = "tests/plugin/test_session_checks.py::"
_SWEEP = "tests/sweep/test_crash_sweep.py::test_no_charge_is_left_and_none_is_made_twice"


def _hostile(number: str, done: str, case: str, outcome: Outcome = Outcome.REFUSED) -> GateFault:
    return GateFault(number, done, outcome, (_HOSTILE,), case)


_REFUSED, _NEVER, _NOT_BELIEVED = Outcome.REFUSED, Outcome.NEVER_PASS, Outcome.NOT_BELIEVED
_NO_GO, _SETTLED, _INERT = Outcome.NO_GO, Outcome.SETTLED, Outcome.INERT

_CRASHES = (
    GateFault(
        "H01",
        "the process is killed at any point, its group and its guardian too",
        _SETTLED,
        (f"{_REHEARSAL}/test_rehearsals.py::test_a_killed_run_leaves_nothing_open", _SWEEP),
    ),
    GateFault(
        "H02",
        "the journal cannot be made durable",
        _REFUSED,
        (f"{_DESK}test_a_journal_that_fails_keeps_the_request_in", _SWEEP),
    ),
    GateFault(
        "H03",
        "the disk is full",
        _NEVER,
        ("tests/launch/test_damaged_runs.py::test_a_disk_without_room_is_no_pass", _SWEEP),
    ),
    GateFault(
        "H04",
        "the journal is torn, edited or put in another order",
        _NOT_BELIEVED,
        (
            f"{_BUNDLE}test_no_structural_attack_is_believed",
            f"{_RECOVERY}test_a_torn_last_line_is_dropped_and_kept_as_it_is",
        ),
    ),
    GateFault(
        "H05",
        "the guardian dies before the money moves",
        _REFUSED,
        (f"{_RECOVERY}test_a_guardian_that_has_died_closes_the_desk",),
    ),
)

_APPROVALS = (
    GateFault("H06", "an approval is used again", _REFUSED, (f"{_OPERATOR}test_an_approval_is_for_one_run",)),
    GateFault(
        "H07",
        "one field of what was approved is changed, each in turn",
        _REFUSED,
        (f"{_APPROVAL}test_one_field_different_is_refused", f"{_APPROVAL}test_every_bound_field_is_in_the_table"),
    ),
    GateFault(
        "H08",
        "the requester approves, or one person twice with two keys",
        _REFUSED,
        (f"{_OPERATOR}test_the_requester_does_not_approve", f"{_APPROVAL}test_why_it_is_not_enough"),
    ),
    GateFault(
        "H09",
        "an approval has run out by a second, or is not valid yet",
        _REFUSED,
        (f"{_APPROVAL}test_why_it_is_not_enough",),
    ),
    GateFault(
        "H10",
        "two sessions run at once, on one machine or on two",
        _SETTLED,
        (f"{_OPERATOR}test_two_runs_at_once_are_one", f"{_RECOVERY}test_two_machines_share_one_store"),
    ),
    GateFault(
        "H11",
        "a test of the gate is changed after the approval",
        _REFUSED,
        (f"{_OPERATOR}test_a_changed_gate_needs_a_new_approval",),
    ),
)

_SESSIONS = (
    _hostile("H12", "--reruns", "reruns"),
    _hostile("H12", "--reruns, with our own refusal taken away", "bypassed: reruns", _SETTLED),
    GateFault(
        "H13",
        "a conftest runs a row twice, or a marker repeats it",
        _NEVER,
        ("tests/plugin/test_order_and_repeats.py::test_conftest_that_runs_a_row_twice_is_stopped",),
    ),
    _hostile("H14", "--dist each", "xdist each"),
    _hostile("H15", "python -O", "optimised"),
    _hostile("H15", "--assert=plain", "plain asserts"),
    _hostile("H16", "--setup-only", "setup only"),
    _hostile("H17", "a part of the rows is run: -k, --lf, --deselect, ::", "a keyword"),
    GateFault(
        "H17",
        "a part of the rows is run on a dry run",
        _NEVER,
        (f"{_VERDICTS}test_partial_runs_are_incomplete", f"{_VERDICTS}test_last_failed_is_incomplete"),
    ),
    GateFault(
        "H18",
        "tests are put in another order",
        _NEVER,
        ("tests/plugin/test_order_and_repeats.py::test_order_broken_at_the_last_moment_never_passes",),
    ),
    _hostile("H19", "--live --confirm comes from the ini file", "live from the ini file"),
    _hostile("H19", "--live --confirm comes from a variable", "live from a variable"),
    _hostile("H20", "a conftest calls every report a pass", "every report passed", _SETTLED),
    _hostile("H20", "a conftest sets the exit code to 0", "exit code 0 from a conftest", _SETTLED),
    _hostile("H20", "os._exit(0) in the middle", "os._exit(0)", _SETTLED),
    _hostile("H20", "the suite buys again", "bought again", _SETTLED),
)

_BUNDLES = (
    GateFault(
        "H21",
        "a row is deleted, skipped, renamed or doubled in the statement, and everything sealed anew",
        _NOT_BELIEVED,
        (f"{_TWO}test_they_agree_on_forgeries_without_a_mistake", f"{_BUNDLE}test_no_structural_attack_is_believed"),
    ),
    GateFault("H21", "the test of a row is deleted", _NEVER, (f"{_VERDICTS}test_deleted_test_is_a_row_not_run",)),
    GateFault(
        "H22",
        "no signature, an unknown key, the key inside the bundle, one of two, operator and approver the same",
        _NOT_BELIEVED,
        (
            f"{_TWO}test_they_agree_on_signatures",
            f"{_BUNDLE}test_signatures_count_only_by_the_policy",
            "tests/attack/test_countersignatures.py::test_one_person_counts_once",
        ),
    ),
    GateFault("H23", "one bit of the bundle is flipped", _NOT_BELIEVED, (f"{_BUNDLE}test_no_flipped_bit_is_believed",)),
    GateFault(
        "H24",
        "yesterday's valid bundle is attached to today's commit",
        _NO_GO,
        (
            f"{_LAUNCH}test_commit_and_age_are_asked_of_the_run_itself",
            f"{_PREVIOUS}test_another_commit_environment_gate_or_an_old_run_is_refused_by_name",
        ),
    ),
    GateFault(
        "H25",
        "a bundle is taken out of the log of seals, or the log is cut",
        _NOT_BELIEVED,
        (
            f"{_SEALS}test_a_truncated_log_is_found_with_a_pinned_head",
            f"{_SEALS}test_a_broken_chain_is_found_without_a_head",
        ),
    ),
    GateFault(
        "H25",
        "a bundle is put in from elsewhere, or in another run's place",
        _NO_GO,
        (
            f"{_PREVIOUS}test_a_bundle_put_in_from_elsewhere_is_refused",
            f"{_PREVIOUS}test_a_bundle_in_another_run_s_place_is_refused",
        ),
    ),
)

_SURROUNDINGS = (
    GateFault(
        "H26",
        "HTML, ANSI, CSV, Markdown, workflow commands and bidi marks in every text of the target's",
        _INERT,
        (
            f"{_INJECTION}test_nothing_acts",
            f"{_INJECTION}test_nothing_acts_in_a_session",
            f"{_INJECTION}test_nothing_runs_in_a_browser",
        ),
    ),
    _hostile("H27", "a proxy stands in the environment", "a proxy"),
    _hostile("H27", "TLS keys are logged", "a key log"),
    GateFault(
        "H27",
        "certificates, OpenSSL's configuration or a proxy from the environment",
        _REFUSED,
        (f"{_SESSION}test_a_variable_that_bends_the_session_is_found",),
    ),
    GateFault(
        "H27",
        "an answer redirects, is huge, slow, cut off or somebody else's",
        _NEVER,
        ("tests/network/test_network_cells.py::test_every_fault_on_the_wire_comes_out_as_expected",),
    ),
    GateFault(
        "H28",
        "a secret reaches a file of the run, or of another reporter",
        _NEVER,
        (
            "tests/plugin/test_quarantine.py::test_a_run_with_a_secret_in_its_folder_is_shut",
            "tests/plugin/test_quarantine.py::test_a_secret_in_a_guest_s_file_fails_the_session",
        ),
    ),
    GateFault(
        "H29",
        "the capacity log is edited by hand",
        _REFUSED,
        (f"{_CAPACITY}test_a_log_edited_by_hand_is_refused_everywhere",),
    ),
    GateFault(
        "H29",
        "the last unit is taken while the operator reads",
        _REFUSED,
        (f"{_CAPACITY}test_the_last_unit_taken_while_the_operator_reads_is_refused",),
    ),
    GateFault(
        "H30",
        "`yes` piped in, no terminal, Enter alone, the amount off by one",
        _REFUSED,
        (
            f"{_OPERATOR}test_without_a_terminal_nothing_moves",
            f"{_OPERATOR}test_enter_alone_never_confirms",
            f"{_OPERATOR}test_three_wrong_answers_end_it",
        ),
    ),
    GateFault(
        "H30",
        "the operator pays nothing, leaves, or answers too late",
        _SETTLED,
        (
            f"{_PERSON}test_nobody_answers_and_the_page_is_closed",
            f"{_PERSON}test_leaving_at_the_hold_point_closes_the_page",
        ),
    ),
)

_MISUSE = (
    GateFault(
        "M01",
        "the gate is started again until it is green",
        _NO_GO,
        (
            f"{_UNTIL_GREEN}test_a_pass_after_a_failure_waits_for_the_write_up",
            f"{_UNTIL_GREEN}test_a_write_up_is_for_one_bundle",
            f"{_OPERATOR}test_an_approval_is_for_one_run",
        ),
    ),
    GateFault(
        "M02",
        "an older GO is shown after a newer red run",
        _NO_GO,
        (
            f"{_LAUNCH}test_a_newer_red_run_takes_the_go_back",
            f"{_LAUNCH}test_a_newer_run_nobody_can_read_takes_the_go_back",
        ),
    ),
    GateFault(
        "M03",
        "a row or a criterion is signed by hand that no person answers for",
        _REFUSED,
        (f"{_LAUNCH}test_what_cannot_be_signed",),
    ),
    GateFault(
        "M03",
        "a sign-off for an older bundle is shown for a newer one",
        _NO_GO,
        (f"{_LAUNCH}test_a_sign_off_for_an_older_bundle_shows_as_such",),
    ),
    GateFault(
        "M04",
        "a waiver that never ends, reaches further than two weeks, or lets a money row through",
        _REFUSED,
        (
            "tests/messages/test_plugin_messages.py::test_a_waiver_that_reaches_too_far",
            "tests/unit/core/test_waivers.py::test_a_waiver_without_its_parts_is_refused",
            "tests/unit/core/test_waivers.py::test_what_keeps_money_safe_is_not_waivable",
        ),
    ),
    GateFault(
        "M04",
        "a waiver makes a pass of a red row",
        _NEVER,
        ("tests/unit/core/test_waivers.py::test_a_red_row_is_let_through_and_never_passes",),
    ),
    _hostile("M05", "a test double of the wire was left in", "a transport stub"),
    GateFault(
        "M05",
        "any of the known test doubles was left in, or a socket is replaced",
        _REFUSED,
        (
            f"{_SESSION}test_a_library_that_answers_in_the_wire_s_place_is_found",
            f"{_SESSION}test_a_replaced_part_of_python_is_found",
        ),
    ),
    GateFault(
        "M06",
        "a rehearsal or a sandbox run is shown as a live one",
        _NO_GO,
        (
            f"{_LAUNCH}test_a_rehearsal_is_no_launch",
            "tests/golden/test_golden_reports.py::test_every_printed_page_names_its_life",
        ),
    ),
    GateFault(
        "M06",
        "the sandbox poses as live: a published test card on a live charge",
        _NEVER,
        (f"{_REHEARSAL}/test_microcharge.py::test_a_published_test_card_on_a_live_charge_is_a_sandbox_posing_as_live",),
    ),
    GateFault(
        "M07",
        "a test key in a live environment",
        _NEVER,
        (f"{_OPERATOR}test_the_pre_flight_finds_the_wrong_account",),
    ),
    GateFault(
        "M08",
        "skip and xfail stand in for a pass, or a row records no evidence",
        _NEVER,
        (f"{_VERDICTS}test_markers_of_pytest_are_no_pass", f"{_VERDICTS}test_what_is_no_pass"),
    ),
    GateFault(
        "M09",
        "a row goes on over a failed check",
        _NEVER,
        ("tests/plugin/test_row_checks.py::test_a_row_that_goes_on_over_a_failed_check_fails",),
    ),
    GateFault(
        "M10",
        "a recovered or resumed run is taken for a pass",
        _NEVER,
        (f"{_RECOVERY}test_a_run_is_resumed_without_moving_money", f"{_RECOVERY}test_recover_settles_and_says_so"),
    ),
    GateFault(
        "M11",
        "the previous run of the other gate failed, is old, or is somebody else's",
        _REFUSED,
        (
            "tests/gates/test_microcharge_green.py::test_a_red_e2e_run_keeps_the_charge_from_happening",
            f"{_PREVIOUS}test_runs_of_other_environments_are_passed_over",
        ),
    ),
    GateFault(
        "M12",
        "a purchase over the cap, in another currency, or twice",
        _REFUSED,
        (
            f"{_DESK}test_the_cap_holds_on_the_bytes",
            f"{_DESK}test_the_cap_holds_on_what_is_declared",
            f"{_DESK}test_a_purchase_is_sent_once_and_told",
        ),
    ),
)

FAULTS: tuple[GateFault, ...] = (*_CRASHES, *_APPROVALS, *_SESSIONS, *_BUNDLES, *_SURROUNDINGS, *_MISUSE)
