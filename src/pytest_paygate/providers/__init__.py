"""Payment providers behind one port. A provider is a name, a module and the address of its public API.

Each is imported only when an environment uses it; a new one is one line here and one module beside this.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_paygate.core.errors import configuration, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_paygate.core.ports import Clock, HttpClient, Provider
    from pytest_paygate.core.secret import Secret

# Name -> module, class in it, address of its public API.
PROVIDERS = {
    "stripe": ("pytest_paygate.providers.stripe", "StripeProvider", "https://api.stripe.com"),
    "hyperswitch": ("pytest_paygate.providers.hyperswitch", "HyperswitchProvider", "https://api.hyperswitch.io"),
}


def build(name: str, key: Secret, base_url: str, *, client: Callable[[str], HttpClient], clock: Clock) -> Provider:
    """Make a provider.

    Args:
        name: a key of `PROVIDERS`.
        key: the account's secret.
        base_url: another address than the provider's own, such as a sandbox; empty for its own.
        client: makes the HTTP client for a base URL.
        clock: waits between repeated reads.

    Raises:
        ConfigurationError: for a name that is not known.
    """
    if name not in PROVIDERS:
        raise configuration(
            f"provider {name!r}",
            "is not known",
            expected=f"one of: {', '.join(PROVIDERS)}.{nearest(name, PROVIDERS)}",
            observed=repr(name),
            next_step="Correct the name in the suite and under [env.NAME.providers].",
        )
    home, attribute, address = PROVIDERS[name]
    provider: Provider = getattr(import_module(home), attribute)(key, http=client(base_url or address), clock=clock)
    return provider
