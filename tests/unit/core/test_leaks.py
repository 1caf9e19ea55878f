"""The scanner: every planted secret found and placed, whatever its encoding, and nothing else ever taken for one."""

from __future__ import annotations

import json
import random
import string

import pytest

from pytest_paygate.core.leaks import SHORTEST, Leak, Scanner
from pytest_paygate.core.secret import Secret, watch
from tests.encodings import BYTES

SECRETS = {
    "env:KEY": "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "env:PASSWORD": 'p"ä& <w>/+%?1 x',
    "env:TOKEN": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXZhbHVl",
    "env:SHORT": "aZ3-x9",
}
AROUND = (b"", b"before ", b'{"field":"', b"<td class='x'>", b"0123456789abcdef\n")


@pytest.mark.parametrize("encoding", BYTES)
@pytest.mark.parametrize("name", SECRETS)
def test_a_planted_secret_is_found(name, encoding):
    """In each encoding and surrounding it is found once, by its name, at a byte inside what was planted."""
    scanner = Scanner(Secret(value, source) for source, value in SECRETS.items())
    planted = BYTES[encoding](SECRETS[name])
    for before in AROUND:
        found = scanner.scan(before + planted + b" after\n")
        assert [leak.secret for leak in found] == [name]
        assert len(before) <= found[0].offset < len(before) + len(planted)
        assert SECRETS[name] not in str(found)


def test_an_offset_is_the_byte_it_begins_at():
    """What a person looks up with `dd` or an editor is where the secret starts."""
    scanner = Scanner([Secret("hunter2hunter2", "env:X")])
    assert scanner.scan(b"12345 hunter2hunter2") == (Leak("env:X", "raw", 6),)
    assert scanner.scan(b"12345 %68unter2hunter2") == (Leak("env:X", "percent-encoded", 6),)


def test_nothing_else_is_found():
    """Ids, amounts, trace ids, epoch times, hashes and our own words: a hundred thousand of them, no find."""
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits
    lines = []
    for _ in range(20_000):
        token = "".join(chance.choices(letters, k=24))
        lines += [
            f"ord_{chance.randrange(10**8)} ch_{token} pi_{token}",
            f"EUR {chance.randrange(10**6) / 100:.2f} amount_minor={chance.randrange(10**6)}",
            f"DEMO-{1_700_000_000 + chance.randrange(10**7)}-{chance.randrange(16**8):08x}",
            json.dumps(
                {"at": f"{1_700_000_000_000 + chance.randrange(10**9)}", "hash": f"{chance.getrandbits(256):064x}"}
            ),
            f"row {chance.choice(['order', 'payment', 'refund'])} is PASS &amp; 100 % at {chance.randrange(24):02d}:15",
        ]
    held = [Secret(value, source) for source, value in SECRETS.items()]
    assert Scanner([*held, Secret("170012", "env:PIN")]).scan("\n".join(lines).encode()) == ()


def test_digits_inside_a_longer_number_are_that_number():
    """A secret of digits only is found where it stands alone, not inside an epoch time or an amount."""
    scanner = Scanner([Secret("170012", "env:PIN")])
    assert scanner.scan(b"at 1700123456, 9170012 and 1700129") == ()
    assert scanner.scan(b"at 1700123456, pin 170012.") == (Leak("env:PIN", "raw", 19),)


def test_a_very_short_secret_is_not_searched_for():
    """Under six characters it would be found in ordinary text; that is said in the documents."""
    assert not Scanner([Secret("x" * (SHORTEST - 1), "env:TINY")])
    assert Scanner([Secret("x" * SHORTEST, "env:SIX")]).holds("xxxxxx")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://app:s3cr%40t-pw@db.example.test/shop",
        "host=db password='s3cr@t-pw' user=app",
        "host=db password=s3cr@t-pw",
    ],
)
def test_a_connection_string_counts_by_its_password_too(dsn):
    """The password alone is a find, as it was written and as it is used."""
    (leak,) = Scanner([Secret(dsn, "env:DSN")]).scan(b"password s3cr@t-pw")
    assert leak.secret == "env:DSN, its password"


def test_a_file_of_a_megabyte_takes_no_minutes():
    """A full report is searched in seconds, with a dozen secrets."""
    content = b"<tr><td>fox &#39;n&amp; hound</td> \\u00e9 %20 12345</tr>\n" * 18_000
    held = [Secret(f"sk_test_{number:02d}abcdefghijkl", str(number)) for number in range(12)]
    assert Scanner(held).scan(content + b"sk_test_07abcdefghijkl")[0].secret == "7"


def test_whoever_watches_is_told_of_every_secret():
    """Tokens that a suite makes for itself are known by the time the session ends, and not after."""
    seen: list[Secret] = []
    stop = watch(seen.append)
    token = Secret("made by a suite", "login")
    stop()
    stop()
    Secret("made later", "login")
    assert seen == [token]
