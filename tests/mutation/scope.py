"""Which modules are mutated, and which tests must notice: pure and fast ones, run again for each mutant."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "pytest_paygate"

# Module below src/pytest_paygate → files below tests. It grows until it is all of core.
SCOPE: dict[str, tuple[str, ...]] = {
    "adapters/answers.py": ("unit/adapters/test_answer_rules.py",),
    "adapters/archive_file.py": ("unit/adapters/test_archive_file_rules.py",),
    "adapters/archive_format.py": ("unit/adapters/test_archive_format_rules.py",),
    "adapters/bundle_files.py": ("unit/adapters/test_bundle_files_rules.py",),
    "adapters/journal_file.py": (
        "unit/adapters/test_journal_file_rules.py",
        "unit/adapters/test_journal_reading_rules.py",
    ),
    "adapters/operator_scripted.py": ("unit/adapters/test_scripted_operator_rules.py",),
    "adapters/quarantine.py": ("unit/adapters/test_quarantine_rules.py",),
    "adapters/seal_log.py": ("unit/adapters/test_seal_log_rules.py",),
    "adapters/settings.py": ("unit/adapters/test_settings_rules.py", "unit/adapters/test_settings_sandbox.py"),
    "adapters/ssh_signatures.py": ("unit/adapters/test_ssh_signatures_rules.py",),
    "checks/access.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/accounts.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_second_books.py"),
    "checks/bookkeeping.py": ("unit/checks/test_second_books.py",),
    "checks/catalogue.py": ("unit/checks/test_payment_checks.py",),
    "checks/charges.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/check.py": ("unit/checks/test_check.py",),
    "checks/checkouts.py": (
        "unit/checks/test_fleet_checks.py",
        "unit/checks/test_check_bounds.py",
        "unit/checks/test_second_books.py",
    ),
    "checks/kept_events.py": ("unit/checks/test_fleet_checks.py", "unit/checks/test_second_books.py"),
    "checks/keys.py": ("unit/checks/test_keys.py", "unit/checks/test_setup.py", "unit/checks/test_check_bounds.py"),
    "checks/lasting.py": ("unit/checks/test_lasting.py",),
    "checks/licences.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/log_entries.py": ("unit/checks/test_fleet_checks.py", "unit/checks/test_second_books.py"),
    "checks/minimum_charge.py": ("unit/checks/test_fleet_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/orders.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/previous.py": ("unit/checks/test_fleet_checks.py",),
    "checks/refund_course.py": ("unit/checks/test_fleet_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/refunds.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/replies.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/setup.py": ("unit/checks/test_setup_rules.py",),
    "checks/status.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/transfers.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_lasting.py"),
    "checks/webhooks.py": ("unit/checks/test_payment_checks.py", "unit/checks/test_check_bounds.py"),
    "checks/windows.py": ("unit/checks/test_fleet_checks.py", "unit/checks/test_check_bounds.py"),
    "cli/against_ledger.py": ("unit/cli/test_against_ledger_rules.py",),
    "cli/countersign.py": ("unit/cli/test_countersign_rules.py",),
    "cli/verify.py": ("unit/cli/test_verify_rules.py",),
    "core/approval.py": ("unit/core/test_approval_rules.py",),
    "core/board.py": ("unit/core/test_board_rules.py",),
    "core/bundle.py": ("unit/core/test_bundle_rules.py", "unit/core/test_bundle_refusals.py"),
    "core/capacity.py": ("unit/core/test_capacity_log.py",),
    "core/capacity_rules.py": ("unit/core/test_capacity_rules.py",),
    "core/claims.py": ("unit/core/test_claims.py",),
    "core/confirmation.py": ("unit/core/test_port_rules.py",),
    "core/currencies.py": ("unit/core/test_currencies.py",),
    "core/documents.py": ("unit/core/test_documents.py",),
    "core/effective.py": ("unit/core/test_effective_rules.py",),
    "core/envelope.py": ("unit/core/test_envelope.py",),
    "core/environment.py": ("unit/core/test_environment_rules.py",),
    "core/errors.py": ("unit/core/test_error_rules.py",),
    "core/events.py": ("unit/core/test_event_rules.py",),
    "core/exposure.py": ("unit/core/test_exposure.py", "unit/core/test_exposure_rules.py"),
    "core/exposure_events.py": ("unit/core/test_exposure_events.py",),
    "core/facts.py": ("unit/core/test_fact_rules.py",),
    "core/gate.py": ("unit/core/test_gate_rules.py", "unit/core/test_gate_refusals.py"),
    "core/gate_tables.py": ("unit/core/test_gate_tables.py",),
    "core/guards.py": ("unit/core/test_guard_rules.py",),
    "core/history.py": ("unit/core/test_history_rules.py",),
    "core/inert.py": ("unit/core/test_inert.py",),
    "core/interlock.py": ("unit/core/test_interlock.py", "unit/core/test_interlock_words.py"),
    "core/journal.py": ("unit/core/test_journal_rules.py",),
    "core/launch.py": ("unit/core/test_launch_rules.py",),
    "core/leaks.py": ("unit/core/test_leak_rules.py",),
    "core/ledger_claims.py": ("unit/core/test_ledger_claims.py",),
    "core/live_ports.py": ("unit/core/test_port_rules.py",),
    "core/log_settings.py": ("unit/core/test_log_settings_rules.py",),
    "core/model.py": ("unit/core/test_model_rules.py",),
    "core/money.py": ("unit/core/test_money.py",),
    "core/notices.py": ("unit/core/test_notice_rules.py",),
    "core/origins.py": ("unit/core/test_origins_rules.py",),
    "core/plan.py": ("unit/core/test_plan.py",),
    "core/ports.py": ("unit/core/test_port_rules.py",),
    "core/previous_run.py": ("unit/core/test_previous_run.py",),
    "core/proof.py": ("unit/core/test_proof_rules.py",),
    "core/purchase.py": ("unit/core/test_purchase.py",),
    "core/record.py": ("unit/core/test_record_rules.py",),
    "core/redaction.py": ("unit/core/test_redaction_rules.py",),
    "core/references.py": ("unit/core/test_references.py",),
    "core/retry_after.py": ("unit/core/test_retry_after.py",),
    "core/run.py": ("unit/core/test_run_rules.py", "unit/core/test_run_rescues.py"),
    "core/samples.py": ("unit/core/test_samples_rules.py",),
    "core/seal_chain.py": ("unit/core/test_seal_chain.py",),
    "core/seats.py": ("unit/core/test_seats_rules.py",),
    "core/secret.py": ("unit/core/test_secret_rules.py",),
    "core/settlement.py": ("unit/core/test_settlement_rules.py",),
    "core/sign_offs.py": ("unit/core/test_sign_offs.py",),
    "core/strict.py": ("unit/core/test_strict.py",),
    "core/trust.py": ("unit/core/test_trust.py",),
    "core/verdict.py": (
        "unit/core/test_verdict.py",
        "unit/core/test_waivers.py",
        "unit/core/test_proof.py",
        "properties/test_verdict_properties.py",
    ),
    "core/waivers.py": ("unit/core/test_waiver_rules.py",),
    "core/window.py": ("unit/core/test_window_rules.py",),
    "exposure/arming.py": (
        "unit/exposure/test_arming_rules.py",
        "unit/exposure/test_arming_refusals.py",
        "unit/exposure/test_armed_rules.py",
    ),
    "exposure/capacity.py": ("unit/exposure/test_capacity_use_rules.py",),
    "exposure/capacity_verdicts.py": ("unit/exposure/test_capacity_verdict_rules.py",),
    "exposure/capacity_witness.py": ("unit/exposure/test_capacity_witness_rules.py",),
    "exposure/clients.py": ("unit/exposure/test_clients_rules.py",),
    "exposure/desk.py": ("unit/exposure/test_desk_purchase_rules.py", "unit/exposure/test_desk_refund_rules.py"),
    "exposure/gathering.py": ("unit/exposure/test_gathering_rules.py",),
    "exposure/guardian.py": ("unit/exposure/test_guardian_rules.py",),
    "exposure/guarding.py": ("unit/exposure/test_guarding_rules.py",),
    "exposure/ledger_check.py": ("unit/exposure/test_ledger_check_rules.py",),
    "exposure/lock_keeper.py": ("unit/exposure/test_lock_keeper_rules.py",),
    "exposure/orphans.py": ("unit/exposure/test_orphan_rules.py",),
    "exposure/planning.py": ("unit/exposure/test_planning_rules.py",),
    "exposure/preview.py": ("unit/exposure/test_preview_rules.py",),
    "exposure/recording.py": ("unit/exposure/test_recording_rules.py",),
    "exposure/recovery.py": ("unit/exposure/test_recovery_rules.py",),
    "exposure/resuming.py": ("unit/exposure/test_resuming_rules.py",),
    "exposure/settling.py": ("unit/exposure/test_settling_rules.py",),
    "exposure/stores.py": ("unit/exposure/test_stores_rules.py",),
    "exposure/watching.py": ("unit/exposure/test_watching_rules.py",),
    "exposure/witnesses.py": ("unit/exposure/test_witness_rules.py",),
    "plugin/choke_point.py": ("unit/plugin/test_choke_point_rows.py", "unit/plugin/test_choke_point_beside_rows.py"),
    "plugin/leak_check.py": ("unit/plugin/test_leak_check_rules.py",),
    "reporting/reading.py": ("unit/reporting/test_reading_rules.py",),
    "reporting/sealing.py": ("unit/reporting/test_sealing_rules.py",),
}
# Two searches of thousands of examples: each mutant has to be noticed without them, in a fraction of their time.
SLOW = ("-k", "not never_pass_wrongly")


def chosen(names: list[str]) -> list[str]:
    """The modules of these names (`verdict`, `core/verdict.py`), all of them when none is named.

    A short name stands for every module that is called so.

    Raises:
        ValueError: for a name that is not in the scope.
    """
    short: dict[str, list[str]] = {}
    for module in SCOPE:
        short.setdefault(Path(module).stem, []).append(module)
    for name in names:
        if name not in SCOPE and name not in short:
            raise ValueError(f"{name} is not mutated; choose from {', '.join(short)}")
    return list(dict.fromkeys(one for name in names for one in short.get(name, [name]))) or list(SCOPE)


def dotted(module: str) -> str:
    """The import name of a module of the scope."""
    return "pytest_paygate." + module.removesuffix(".py").replace("/", ".")
