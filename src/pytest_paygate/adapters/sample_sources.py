"""Which source an environment's samples come from, and which store its prober adds to. Imports a client when needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_paygate.adapters.sample_files import FOLDER, SampleFile, SampleFolder, SampleFolderSink
from pytest_paygate.core.samples import SourceKind, place_of

if TYPE_CHECKING:
    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.samples import SampleSink, SampleSource
    from pytest_paygate.core.secret import Secret


def source_of(environment: Environment, *, root: Path, reports: Path, dsn: Secret | None) -> SampleSource:
    """The source that `[env.NAME.samples]` names.

    Args:
        environment: whose samples.
        root: where a relative `file:` path begins.
        reports: the reports folder, with the local store.
        dsn: the shared store, or None for the local one.
    """
    place = place_of(environment.samples.source)
    if place.kind is SourceKind.FILE:
        return SampleFile(root / place.where)
    if place.kind is SourceKind.PROMETHEUS:
        from pytest_paygate.adapters.http_prometheus import PrometheusSamples

        ca_file = Path(environment.ca_file) if environment.ca_file else None
        token = environment.samples_token
        return PrometheusSamples(place.where, environment.samples, token=token, ca_file=ca_file)
    if place.kind is SourceKind.DATABASE:
        from pytest_paygate.adapters.postgres_samples import TableSamples

        return TableSamples(environment.database, place.where)
    if dsn is not None:
        from pytest_paygate.adapters.postgres_samples import PostgresSamples

        return PostgresSamples(dsn, environment.name)
    return SampleFolder(reports / FOLDER, environment.name)


def sink_of(environment: str, *, reports: Path, dsn: Secret | None) -> SampleSink:
    """The store a prober adds to: the shared one, or segments below the reports.

    Raises:
        SamplesError: when another prober holds it, or it cannot be used.
    """
    if dsn is not None:
        from pytest_paygate.adapters.postgres_samples import PostgresSamples

        return PostgresSamples(dsn, environment)
    return SampleFolderSink(reports / FOLDER, environment)
