"""Sends notices to a webhook: signed as Standard Webhooks has it, a few tries, bounded in time, never an exception.

Owns the wire. What a notice says is `core.notices`' business; when one is sent, and on which thread, the plugin's.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
from standardwebhooks import Webhook as Signer
from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from pytest_paygate.adapters import tls
from pytest_paygate.core.errors import configuration

if TYPE_CHECKING:
    from pytest_paygate.core.secret import Secret

TIMEOUT_SECONDS = 5.0
TRIES = 3
# Fewer bytes can be guessed; Standard Webhooks asks for 24 to 64.
_KEY_BYTES_MIN = 24
_FIRST_PAUSE_SECONDS = 0.5
_PAUSE_MAX_SECONDS = 2.0
_AGAIN = frozenset({408, 425, 429})


class Webhook:
    """One receiver of notices.

    Args:
        url: where they go; checked when the settings were read.
        secret: the signing key, `whsec_` and base64.
        where: file and key of the secret, for messages.

    Raises:
        ConfigurationError: when the secret is no key of that form.
    """

    def __init__(self, url: str, secret: Secret, where: str) -> None:
        self._url = url
        self._signer = Signer(_key(secret, where))
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            follow_redirects=False,
            verify=tls.context(needed=url.startswith("https:")),
        )

    def send(self, event_id: str, body: str) -> str:
        """Deliver one notice.

        Args:
            event_id: the same for each try, so that a receiver can tell a repeat.
            body: the payload as JSON.

        Returns:
            Nothing when the receiver has taken it (2xx), else why not; never an exception, never a text of theirs.
        """
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_PAUSE_MAX_SECONDS),
            retry=retry_if_result(lambda told: told.endswith(_RETRY)),
        )
        try:
            told: str = retrying(self._try, event_id, body)
        except RetryError as error:
            told = str(error.last_attempt.result())
        return told.removesuffix(_RETRY)

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _try(self, event_id: str, body: str) -> str:
        # Signed anew for each try: a receiver refuses what is older than its window.
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(event_id, now, body),
        }
        try:
            # The answer's body is nobody's business, and is not read.
            with self._client.stream("POST", self._url, content=body.encode(), headers=headers) as answer:
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}{_RETRY}"
        if 200 <= status < 300:
            return ""
        return f"it answered {status}{_RETRY if status >= 500 or status in _AGAIN else ''}"


# Marks, inside this module, what another try may mend.
_RETRY = "\x00"


def _key(secret: Secret, where: str) -> bytes:
    try:
        key = base64.b64decode(secret.reveal().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _KEY_BYTES_MIN:
        raise configuration(
            where,
            "is no key that notices can be signed with",
            expected=f"whsec_ and {_KEY_BYTES_MIN} to 64 random bytes in base64",
            observed="another form, not shown" if not key else f"{len(key)} bytes",
            next_step='Make one with `python -c "import base64, secrets; '
            "print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"` and give it to the receiver too.",
        )
    return key
