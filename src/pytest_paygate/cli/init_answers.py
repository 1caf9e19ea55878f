"""What `paygate init` has to know: from options, or from questions at a terminal, each answer checked.

Rules:
- without a terminal nothing is asked: what no option says has a default;
- a wrong answer is asked for again with the reason, and the third one ends it;
- nothing is written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from pytest_paygate.core.environment import LOOPBACK, check_url
from pytest_paygate.core.errors import ConfigurationError, configuration, nearest
from pytest_paygate.core.inert import inert
from pytest_paygate.core.secret import looks_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRIES = 3
LOCAL_STAGING = "http://127.0.0.1:8460/api/v1"
GATES = ("e2e", "microcharge")
CI = ("github", "gitlab", "both", "none")
NOTHING_WRITTEN = "Nothing was written; run `paygate init` again, or give the answers as options."
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{6,40}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything the files depend on. `account` is empty while nobody knows it."""

    gate: str
    ci: str
    staging_url: str
    production_url: str
    account: str
    buyer_email: str
    product_id: str

    @property
    def is_staging_local(self) -> bool:
        """Whether staging is a sandbox in a process of its own."""
        return self.staging_url == LOCAL_STAGING


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `wrong` says what is expected of an answer that is not accepted, and nothing of any other."""

    name: str
    text: str
    default: str
    wrong: Callable[[str], str]

    @property
    def option(self) -> str:
        """The option that answers it."""
        return f"--{self.name.replace('_', '-')}"


def _one_of(known: tuple[str, ...]) -> Callable[[str], str]:
    def wrong(answer: str) -> str:
        return "" if answer in known else f"one of: {', '.join(known)}.{nearest(answer, known)}"

    return wrong


def _matching(form: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def wrong(answer: str) -> str:
        return "" if form.fullmatch(answer) and not looks_secret(answer) else expected

    return wrong


def _no_base_url(answer: str) -> str:
    try:
        check_url("", answer)
    except (ConfigurationError, ValueError):
        return "http(s)://host[:port][/path] without user, query or fragment"
    return "http(s)://host[:port][/path] without blanks or control characters" if re.search(r"\s", answer) else ""


def _no_live_url(answer: str) -> str:
    wrong = _no_base_url(answer)
    parts = urlsplit(answer) if not wrong else None
    if parts is not None and (parts.scheme != "https" or parts.hostname in LOOPBACK):
        return "an https address of another machine: a sandbox has no place in an environment declared live"
    return wrong


def _no_account(answer: str) -> str:
    return "" if not answer or _ACCOUNT.fullmatch(answer) else "acct_… as the provider's dashboard shows it, or nothing"


QUESTIONS = (
    Question("gate", "Which gate to adapt (e2e: a marketplace purchase; microcharge: a fleet)", "e2e", _one_of(GATES)),
    Question("ci", "CI files for (github, gitlab, both, none)", "both", _one_of(CI)),
    Question(
        "staging_url", "Base URL of your API in test mode (default: a local sandbox)", LOCAL_STAGING, _no_base_url
    ),
    Question("production_url", "Base URL of your API with live keys", "https://shop.example.com/api/v1", _no_live_url),
    Question("account", "Stripe account of production (acct_…; leave empty if you do not know)", "", _no_account),
    Question(
        "buyer_email", "E-mail of the buyer's test account", "buyer@example.test", _matching(_EMAIL, "name@host.domain")
    ),
    Question(
        "product_id",
        "Id of the product the gate buys",
        "prod_test_licence",
        _matching(_PRODUCT, "an id of up to 100 letters, digits, `_`, `.`, `:` and `-`"),
    ),
)


def answers(given: Mapping[str, str | None], *, asks: bool) -> Answers:
    """Every answer: the option's, else the person's, else the default.

    Args:
        given: what options said, by question; None where none did.
        asks: whether there is a person at a terminal to ask.

    Raises:
        ConfigurationError: when an option is wrong, or the third answer to a question.
        click.Abort: when the person ends it.
    """
    for question in QUESTIONS:
        option = given.get(question.name)
        if option is not None and (expected := question.wrong(option)):
            raise _refused(question.option, "is not accepted", expected, option)
    found = {}
    for question in QUESTIONS:
        option = given.get(question.name)
        found[question.name] = option if option is not None else _asked(question) if asks else question.default
    return Answers(**found)


def _asked(question: Question) -> str:
    for _ in range(TRIES):
        typed: str = click.prompt(question.text, default=question.default, show_default=bool(question.default))
        answer = typed.strip()
        expected = question.wrong(answer)
        if not expected:
            return answer
        click.echo(f"  not accepted: {_shown(answer)}; expected {expected}")
    raise _refused(question.option, f"was answered wrongly {TRIES} times", expected, answer)


def _shown(answer: str) -> str:
    """An answer as it may be repeated; a key that was pasted into the wrong question is not."""
    return "something that looks like a secret" if looks_secret(answer) else repr(inert(answer)[:80])


def _refused(option: str, what: str, expected: str, observed: str) -> ConfigurationError:
    return configuration(
        f"paygate init {option}", what, expected=expected, observed=_shown(observed), next_step=NOTHING_WRITTEN
    )
