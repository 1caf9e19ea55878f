"""Secrets: which shapes are taken for one, to the character, and what a secret says of itself."""

from __future__ import annotations

import copy
import pickle

import pytest

from pytest_paygate.core import secret as secrets
from pytest_paygate.core.secret import Secret, looks_secret, watch

HEX = "0123456789abcdef"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The least of each shape; without its last character it is something else.
LEAST = [
    *(f"{kind}_{mode}_aZ09xY" for kind in ("sk", "rk", "rkcs", "pk") for mode in ("live", "test")),
    "whsec_aZ09xY",
    "whsec_+/=_-a",
    *(f"{kind}_{HEX}{LETTERS[:16]}" for kind in ("snd", "prd", "dev", "integ")),
    *(f"pk_{kind}_{HEX}" for kind in ("snd", "prd", "dev")),
    f"epk_{LETTERS[:8]}{HEX[:8]}",
    *(f"{kind}_aZ09_secret_x" for kind in ("pi", "seti", "pay", "cs")),
    "eyJaZ09_-aZ09",
]
# Published test cards of every issuer range and length; every digit stands among those that Luhn doubles.
CARDS = [
    "4242424242424242",
    "4917610000000000",
    "4539578763621486",
    "4000002500001001",
    "5105105105105100",
    "5200828282828210",
    "5555555555554444",
    "2223003122003222",
    "2720992593319364",
    "378282246310005",
    "371449635398431",
    "38520000023237",
    "3056930009020004",
    "3566002020360505",
    "6011000990139424",
    "6200000000000005",
    "6555900000604105",
]


@pytest.mark.parametrize("text", LEAST)
def test_each_shape_at_its_least(text):
    """A key, token or client secret is known by its least form, in the middle of a text, and not by less than that."""
    assert looks_secret(text)
    assert looks_secret(f"said: {text}.")
    assert not looks_secret(text[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "SK_LIVE_aZ09xY",
        "sk_prod_aZ09xY",
        "sk_live-aZ09xY",
        "pk_snd_" + HEX.upper(),
        "PI_aZ09_SECRET_x",
        "xeyJaZ09_-aZ09",
        "XeyJaZ09_-aZ09",
        "7eyJaZ09_-aZ09",
        "_eyJaZ09_-aZ09",
        "-eyJaZ09_-aZ09",
        "eyjaZ09_-aZ09x",
        "",
    ],
)
def test_what_has_another_shape_is_none(text):
    """Other prefixes, and the letters of a token inside an id, are taken for nothing."""
    assert not looks_secret(text)


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_known_by_its_digits(card):
    """A card number counts with blanks or hyphens; with any one digit changed it is a number like others."""
    grouped = [card[place : place + 4] for place in range(0, len(card), 4)]
    for text in (card, " ".join(grouped), "-".join(grouped), f"card {card}.", f"({card})"):
        assert looks_secret(text), text
    for place in range(2, len(card)):
        for step in range(1, 10):
            changed = f"{card[:place]}{(int(card[place]) + step) % 10}{card[place + 1 :]}"
            assert not looks_secret(changed), changed


@pytest.mark.parametrize("beside", ["0", "9", "a", "z", "A", "Z"])
def test_a_card_number_stands_alone(beside):
    """Digits or letters beside it make it part of something longer."""
    assert not looks_secret(f"{beside}4242424242424242")
    assert not looks_secret(f"4242424242424242{beside}")
    assert looks_secret("1763687378123 4242424242424242")


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("400000000002", False),
        ("4000000000006", True),
        ("4000000000000000006", True),
        ("40000000000000000002", False),
        ("340000000000", False),
        ("3400000000009", True),
        ("1763687378002", False),
        ("2100000000000005", False),
        ("2800000000000008", False),
        ("3000000000000004", True),
        ("3300000000000001", False),
        ("5000000000000009", False),
        ("5600000000000003", False),
        ("6100000000000006", False),
        ("6300000000000004", False),
        ("6600000000000001", False),
        ("7000000000000005", False),
        ("4242  4242 4242 4242", False),
        ("4242.4242.4242.4242", False),
    ],
)
def test_a_card_number_has_its_lengths_and_ranges(text, card):
    """Thirteen to nineteen digits of an issuer's range, with at most one blank between two of them."""
    assert looks_secret(text) is card


@pytest.mark.parametrize("uuid", ["abcdefab-ABCD-abcd-4242-424242424242", "42424242-4242-4242-abcd-ABCDEFabcdef"])
def test_a_uuid_is_no_card_number_and_hides_none(uuid):
    """Digits inside a whole UUID are none, in either case of its letters; beside it, or in what only looks like one, they are."""
    for text in (uuid, uuid.upper(), uuid.lower(), f"id {uuid}.", f"{uuid} {uuid}"):
        assert not looks_secret(text), text
    assert looks_secret(f"{uuid} 4242424242424242")
    assert looks_secret(f"4242424242424242-{uuid}")


@pytest.mark.parametrize("beside", ["X", "x", "0"])
def test_what_is_longer_than_a_uuid_is_none(beside):
    """A letter or digit before or after it makes it something else, in which a card number is found."""
    assert looks_secret(f"{beside}abcdefab-abcd-abcd-4242-424242424242")
    assert looks_secret(f"42424242-4242-4242-abcd-abcdefabcdef{beside}")


def test_a_secret_says_where_it_is_from_and_nothing_else():
    """Its text is its source, or that it is hidden, however it is formatted."""
    named, unnamed = Secret("hunter2", "env:KEY"), Secret("hunter2")
    assert (repr(named), str(named), f"{named}", f"{named:>16}") == (*["Secret(env:KEY)"] * 3, " Secret(env:KEY)")
    assert (repr(unnamed), str(unnamed), unnamed.source) == (*["Secret(hidden)"] * 2, "")


def test_a_secret_is_itself_and_no_other():
    """It equals itself alone, has a place in sets, and is false when it is empty."""
    one, other = Secret("hunter2"), Secret("hunter2")
    assert one == one  # noqa: PLR0124 - that is the rule
    assert one != other
    assert len({one, one, other}) == 2
    assert (bool(one), bool(Secret(""))) == (True, False)


def test_a_secret_answers_what_may_be_asked_of_it():
    """Its published prefix, whether it is a published value, and the mark by which two uses are compared."""
    one = Secret("sk_test_abc")
    assert one.reveal() == "sk_test_abc"
    assert one.starts_with("rk_test_", "sk_test_")
    assert not one.starts_with("sk_live_")
    assert one.is_one_of({"sk_test_abc"})
    assert not one.is_one_of({"sk_test_ab"})
    assert one.fingerprint() == "sha256:6a5ba14d81da"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_there_is_no_second_one(duplicate):
    """A secret is not copied and not pickled, and the refusal says so."""
    with pytest.raises(TypeError) as refused:
        duplicate(Secret("hunter2"))
    assert str(refused.value) == "a secret cannot be pickled or copied"


def test_those_who_watch_are_told_once_each():
    """Everybody who watches is told of the secret itself; one who ends it twice ends nobody else's."""
    before = list(secrets._WATCHERS)
    first: list[Secret] = []
    second: list[Secret] = []
    stop_first, stop_second = watch(first.append), watch(second.append)
    made = Secret("hunter2", "env:KEY")
    stop_first()
    stop_first()
    again = Secret("hunter3", "env:KEY")
    stop_second()
    Secret("hunter4", "env:KEY")
    assert first == [made]
    assert second == [made, again]
    assert before == secrets._WATCHERS
