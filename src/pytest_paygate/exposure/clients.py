"""The providers of an environment as clients, journalled like everything else, with the key that fits the errand.

Owns how a provider is put together. Imported when money is about to be looked for; SDKs come on first use.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_paygate.adapters.http import Api
from pytest_paygate.providers import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_paygate.core.environment import Environment
    from pytest_paygate.core.facts import FactKind
    from pytest_paygate.core.ports import Clock, Provider, Recorder


def provider_client(  # noqa: PLR0913 - what a client is bound to
    environment: Environment,
    name: str,
    *,
    recorder: Recorder,
    clock: Clock,
    trace_id: str,
    extra_fields: Mapping[str, FactKind] = MappingProxyType({}),
    for_refunds: bool = False,
) -> Provider:
    """Make a client of one provider.

    Args:
        environment: the target; its provider settings are used.
        name: the provider, which the environment must have.
        recorder: takes every exchange.
        clock: measures.
        trace_id: the run's.
        extra_fields: answer fields the gate declared.
        for_refunds: use the restricted key, where there is one.

    Raises:
        ConfigurationError: for a name that is no provider.
        KeyError: for one that the environment does not have.
    """
    access = environment.providers[name]
    key = access.refund_key if for_refunds and access.refund_key is not None else access.key

    def client(base_url: str) -> Api:
        return Api(
            base_url,
            party=name,
            recorder=recorder,
            clock=clock,
            trace_id=trace_id,
            extra_fields=extra_fields,
            ca_file=Path(environment.ca_file) if environment.ca_file else None,
            # A provider has no use for our trace headers; the payment's metadata carries the trace there.
            first_party=False,
        )

    return build(name, key, access.base_url, client=client, clock=clock)
