"""What a running sandbox tells whoever wants to use it: addresses, database, keys, ids, cards.

Everything in it is fake and published on purpose; nothing here may come from a real account.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pytest_paygate.sandbox.world import REHEARSAL_CARD_NUMBER

FLEET_APPS = tuple(f"a{number}" for number in range(1, 9))

PUBLISHED_CARDS: dict[str, str] = {
    "succeeds": "4242424242424242",
    "declined": "4000000000000002",
    "insufficient funds": "4000000000009995",
    "3-D Secure challenge": "4000002760003184",
    "refund pending, then succeeds": "4000000000007726",
    "refund succeeds, then fails": "4000000000005126",
}

REHEARSAL_CARDS: dict[str, str] = {
    "succeeds": REHEARSAL_CARD_NUMBER,
    "declined, as every test card in live mode": "4242424242424242",
}


@dataclass(frozen=True, slots=True)
class SandboxDescription:
    """One running sandbox, for a client in any language. URLs have no trailing slash."""

    environment: str
    livemode: bool
    pid: int
    marketplace_url: str
    hyperswitch_url: str
    stripe_url: str
    control_url: str
    marketplace_dsn: str
    marketplace_read_only_dsn: str
    provider_dsn: str
    provider_read_only_dsn: str
    stripe_secret_key: str
    stripe_refund_key: str
    hyperswitch_api_key: str
    stripe_webhook_secret: str
    hyperswitch_webhook_secret: str
    stripe_account_id: str
    seller_account_id: str
    buyer_email: str
    buyer_password: str
    test_product_id: str
    fleet_dsn: str
    fleet_read_only_dsn: str
    fleet_webhook_secret: str
    fleet_log_url: str
    a1_url: str
    a2_url: str
    a3_url: str
    a4_url: str
    a5_url: str
    a6_url: str
    a7_url: str
    a8_url: str
    cards: dict[str, str]

    @property
    def api_url(self) -> str:
        """The marketplace's API."""
        return f"{self.marketplace_url}/api/v1"

    @property
    def fleet_webhook_url(self) -> str:
        """Where A5 takes the provider's events."""
        return f"{self.a5_url}/webhooks/stripe"

    @property
    def services(self) -> dict[str, str]:
        """The fleet's apps by name."""
        return {name: getattr(self, f"{name}_url") for name in FLEET_APPS}

    def to_json(self) -> str:
        """The description as one line of JSON."""
        return json.dumps(asdict(self) | {"api_url": self.api_url})

    def environment_toml(self, name: str = "local") -> str:
        """The marketplace as an environment for `paygate.toml`; its secrets come from `exports`."""
        return f"""[env.{name}]
mode = "{self.environment}"
base_url = "{self.api_url}"
payer = "http"
database = "env:PAYGATE_LOCAL_DATABASE"
log_url = "{self.control_url}/_sandbox/log"

[env.{name}.services]
webhooks = "{self.marketplace_url}/webhooks"

[env.{name}.values]
buyer_email = "{self.buyer_email}"
operator_email = "{self.buyer_email}"
product_id = "{self.test_product_id}"
seller_account = "{self.seller_account_id}"

[env.{name}.secrets]
buyer_password = "env:PAYGATE_LOCAL_PASSWORD"
webhook_secret = "env:PAYGATE_LOCAL_WEBHOOK_SECRET"

[env.{name}.providers.hyperswitch]
key = "env:PAYGATE_LOCAL_HYPERSWITCH_KEY"
base_url = "{self.hyperswitch_url}"

[env.{name}.providers.stripe]
key = "env:PAYGATE_LOCAL_STRIPE_KEY"
base_url = "{self.stripe_url}"
account = "{self.stripe_account_id}"
"""

    def fleet_environment_toml(self, name: str = "local_fleet") -> str:
        """The fleet as an environment for `paygate.toml`; its secrets come from `exports`."""
        services = "\n".join(f'{app} = "{url}"' for app, url in self.services.items())
        return f"""[env.{name}]
mode = "{self.environment}"
base_url = "{self.a5_url}"
payer = "http"
database = "env:PAYGATE_LOCAL_FLEET_DATABASE"
log_url = "{self.fleet_log_url}"
webhook_url = "{self.fleet_webhook_url}"

[env.{name}.services]
{services}

[env.{name}.samples]
source = "database:probe_samples"
interval_seconds = 60

[env.{name}.capacity]
budget = 25
pause_below = 5
period = "30d"

[env.{name}.values]
operator_email = "{self.buyer_email}"
product_id = "credits-50"
# The environment in which e2e has passed before.
e2e_environment = "local"

[env.{name}.secrets]
operator_password = "env:PAYGATE_LOCAL_PASSWORD"
webhook_secret = "env:PAYGATE_LOCAL_FLEET_WEBHOOK_SECRET"

[env.{name}.providers.stripe]
key = "env:PAYGATE_LOCAL_STRIPE_KEY"
base_url = "{self.stripe_url}"
account = "{self.stripe_account_id}"
"""

    def exports(self) -> dict[str, str]:
        """The environment variables both environments refer to."""
        return {
            "PAYGATE_LOCAL_DATABASE": self.marketplace_read_only_dsn,
            "PAYGATE_LOCAL_FLEET_DATABASE": self.fleet_read_only_dsn,
            "PAYGATE_LOCAL_PASSWORD": self.buyer_password,
            "PAYGATE_LOCAL_WEBHOOK_SECRET": self.hyperswitch_webhook_secret,
            "PAYGATE_LOCAL_FLEET_WEBHOOK_SECRET": self.fleet_webhook_secret,
            "PAYGATE_LOCAL_HYPERSWITCH_KEY": self.hyperswitch_api_key,
            "PAYGATE_LOCAL_STRIPE_KEY": self.stripe_secret_key,
        }
