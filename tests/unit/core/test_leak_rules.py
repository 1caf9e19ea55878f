"""The scanner's rules one by one: what is searched for, how a find is named and placed, and what is undone on the way."""

from __future__ import annotations

import base64

import pytest

from pytest_paygate.core import leaks
from pytest_paygate.core.leaks import Leak, Scanner
from pytest_paygate.core.secret import Secret

VALUE = 'qu"i&et /k\\ey'
RAW = VALUE.encode()


def scan(content: bytes, *values: str) -> tuple[Leak, ...]:
    """What is found of some secrets, the first of them named `key`."""
    first, *more = values or (VALUE,)
    return Scanner([Secret(first, "key"), *map(Secret, more)]).scan(content)


def escaped(text: bytes) -> bytes:
    """Each byte as `%xx`."""
    return "".join(f"%{byte:02x}" for byte in text).encode()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (RAW, "raw"),
        (RAW.replace(b" ", b"+"), "raw"),
        (base64.b64encode(RAW), "base64"),
        (base64.b64encode(b"." + RAW + b"."), "base64"),
        (base64.b64encode(b".." + RAW + b".."), "base64"),
        (RAW.hex().encode(), "hex"),
        (RAW.hex().upper().encode(), "hex"),
        (VALUE.encode("utf-16-le"), "UTF-16"),
        (VALUE.encode("utf-16-be"), "UTF-16"),
        (RAW[::-1], "reversed"),
        (b"qu%22i%26et%20%2fk%5Cey", "percent-encoded"),
        (escaped(RAW), "percent-encoded"),
        (rb"qu\"i&et \/k\\ey", "JSON-escaped"),
        (rb"qu\u0022i\u0026et\u0020\u002Fk\u005cey", "JSON-escaped"),
        (rb"qu\x22i\x26et\x20\x2Fk\x5cey", "JSON-escaped"),
        (b"qu&quot;i&amp;et /k\\ey", "HTML-escaped"),
        (b"qu&#34;i&#38et&#x20;&#X2F;k&#x5c;ey", "HTML-escaped"),
        (b'qu"i&\net\t /k\\e\r\ny', "line-wrapped"),
        (base64.b64encode(RAW)[:7] + b"\n " + base64.b64encode(RAW)[7:], "base64, line-wrapped"),
        (escaped(base64.b64encode(RAW)), "base64, percent-encoded"),
        (escaped(escaped(RAW)), "percent-encoded, percent-encoded"),
        (b"qu\\&quot;i&amp;et /k\\\\ey", "HTML-escaped, JSON-escaped"),
        (b"qu\\\\&quot;i", None),
        (
            escaped(escaped(RAW))[:9] + b"\n" + escaped(escaped(RAW))[9:],
            "percent-encoded, percent-encoded, line-wrapped",
        ),
        (escaped(escaped(escaped(RAW))), None),
        (RAW[:-1], None),
        (b"", None),
    ],
)
def test_a_find_is_named_by_its_encoding(content, encoding):
    """Each form is found with the plainest name of how it stands there, to two levels, and nothing less is."""
    found = scan(content)
    assert [leak.encoding for leak in found] == ([] if encoding is None else [encoding])


@pytest.mark.parametrize("shift", range(3))
def test_base64_for_addresses_is_found_by_its_name(shift):
    """The alphabet with `-` and `_` is a form of its own; characters that both have are plain base64."""
    value = "~~~???>>>~~~"
    planted = base64.urlsafe_b64encode(b"." * shift + value.encode() + b".")
    assert b"-" in planted
    assert b"_" in planted
    assert [leak.encoding for leak in scan(planted, value)] == ["base64url"]
    assert scan(planted.translate(bytes.maketrans(b"-_", b"+-")), value) == ()


def test_the_first_of_several_is_told():
    """A secret that stands there more than once is placed where it stands first."""
    assert scan(b"x hunter2 hunter2 hunter2", "hunter2") == (Leak("key", "raw", 2),)
    assert scan(b"x 170012 170012", "170012") == (Leak("key", "raw", 2),)


def test_each_secret_is_found_once_at_its_plainest():
    """One find for each name: what stands there as it is wins over what stands there encoded, in any order."""
    content = escaped(b"hunter2") + b" swordfish " + b"hunter2".hex().encode() + b" hunter2"
    found = scan(content, "hunter2", "swordfish", "not there")
    assert found == (Leak("key", "raw", 47), Leak("secret 2", "raw", 22))
    assert scan(content[:-7], "hunter2") == (Leak("key", "hex", 32),)
    assert scan(content[:30], "hunter2") == (Leak("key", "percent-encoded", 0),)


def test_a_secret_without_a_source_has_its_number():
    """Unnamed ones are counted with the others; a value held twice has the name it had first."""
    held = [Secret("hunter2"), Secret("swordfish", "env:B"), Secret("letmein"), Secret("hunter2", "env:D")]
    found = Scanner(held).scan(b"hunter2 swordfish letmein")
    assert [leak.secret for leak in found] == ["secret 1", "env:B", "secret 3"]


def test_six_characters_are_searched_for_and_five_are_not():
    """The bound counts characters; with nothing to search for nothing is found."""
    assert leaks.SHORTEST == 6
    nothing = Scanner([Secret("äöüäö")])
    assert (bool(nothing), nothing.scan(b""), nothing.scan("äöüäö".encode()), nothing.holds("äöüäö")) == (
        False,
        (),
        (),
        False,
    )
    something = Scanner([Secret("äöüäöü")])
    assert (bool(something), something.holds("x äöüäöü"), something.holds("x äöüäö")) == (True, True, False)


def test_half_a_character_is_searched_for_like_any_other():
    """A value or text with lone surrogates, as the system hands over undecodable bytes, ends nothing."""
    broken = "pass\udcffword"
    held = Scanner([Secret(broken, "key")])
    assert held.holds(f"a {broken}")
    assert not held.holds("a pass\udcfeword")
    for form in (broken.encode("utf-16-le", "surrogatepass"), broken.encode("utf-16-be", "surrogatepass")):
        assert [leak.encoding for leak in held.scan(form)] == ["UTF-16"]
    assert [leak.encoding for leak in held.scan(broken[::-1].encode(errors="surrogatepass"))] == ["reversed"]
    spaced = "pass \udcffword"
    assert Scanner([Secret(spaced)]).holds(spaced.replace(" ", "+"))


@pytest.mark.parametrize(
    ("dsn", "passwords"),
    [
        ("postgresql://app:s3cr%40t-pw@db.test/shop", [b"s3cr%40t-pw", b"s3cr@t-pw"]),
        ("host=db password=s3cr@t-pw user=app", [b"s3cr@t-pw"]),
        ("host=db PASSWORD = s3cr@t-pw", [b"s3cr@t-pw"]),
        ("password='s3cr@t pw' user=app", [b"s3cr@t pw"]),
        (r"password='s3\'cr\\et' user=app", [rb"s3'cr\et"]),
    ],
)
def test_a_connection_string_is_named_and_so_is_its_password(dsn, passwords):
    """The whole under its own name; the password alone, as it is written and as it is used, under its own."""
    held = Scanner([Secret(dsn, "env:DSN")])
    for password in passwords:
        assert held.scan(b"pw " + password) == (Leak("env:DSN, its password", "raw", 3),)
    assert held.scan(dsn.encode())[0].secret == "env:DSN"


@pytest.mark.parametrize(
    "dsn",
    [
        "https://shop.example.test/path",
        "https://app@shop.example.test/path",
        "https://[shop.example.test/path",
        "https://app:pw@shop.example.test",
        "password='' user=application",
        "host=db user=app keypassword=hunter2hunter2",
        "host=db user=app password",
    ],
)
def test_what_has_no_password_is_searched_for_whole(dsn):
    """Nothing but the value itself is a find, whatever its form."""
    held = Scanner([Secret(dsn, "env:DSN")])
    assert held.scan(dsn.encode()) == (Leak("env:DSN", "raw", 0),)
    for part in dsn.replace("=", " ").replace("'", " ").replace("/", " ").replace("@", " ").split():
        assert not held.holds(part)
    assert not held.holds("None application user=application")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"170012", 0),
        (b"pin 170012.", 4),
        (b"/170012:", 1),
        (b"0170012 9170012 1700120 1700129", -1),
        (b"170012170012", -1),
        (b"9170012 170012", 8),
        (b"1700129, 170012", 9),
    ],
)
def test_digits_count_where_no_digit_touches_them(content, place):
    """A secret of digits is found where it stands alone, first at its first such place, and at both ends of a file."""
    assert [leak.offset for leak in scan(content, "170012")] == ([] if place < 0 else [place])


def test_digits_beside_other_secrets_are_nobodys_business():
    """Only a secret of digits alone has to stand alone."""
    assert scan(b"1hunter22", "hunter2") == (Leak("key", "raw", 1),)
    assert scan(b"91700l2345", "1700l2") == (Leak("key", "raw", 1),)


def test_digits_that_overlap_are_looked_at_one_by_one():
    """A first place that a digit touches does not hide a second one that begins inside it."""
    assert scan(b"9MTExMTExMTEx-", "111111") == (Leak("key", "base64", 5),)
    assert scan(b"9MTExMTEx-", "111111") == ()


@pytest.mark.parametrize(
    ("before", "planted", "encoding"),
    [
        (b"%41%42 ", b"%68unter2", "percent-encoded"),
        (b"%41%42 ", b"h%75nter%32", "percent-encoded"),
        (b"&amp;&amp; ", b"&#104;unter2", "HTML-escaped"),
        (rb"\n\n ", rb"\u0068unter\x32", "JSON-escaped"),
        (b"%2541 ", b"%2568unter2", "percent-encoded, percent-encoded"),
        (b"a b c ", b"hun\nter2", "line-wrapped"),
        (b"", b"%68unter2", "percent-encoded"),
        (b"%68unte ", b"%68unter2", "percent-encoded"),
    ],
)
@pytest.mark.parametrize("after", [b"", b" %41", b" and again: "])
def test_a_decoded_find_is_placed_where_it_begins(before, planted, encoding, after):
    """The byte of the file at which the first one begins, however much is undone before, in and after it."""
    after = after + planted if after.endswith(b": ") else after
    assert scan(before + planted + after, "hunter2") == (Leak("key", encoding, len(before)),)


@pytest.mark.parametrize("length", range(6, 13))
def test_base64_is_known_by_what_it_always_holds(length):
    """For each alignment the longest run of characters that no neighbour changes, and no more than that."""
    value = bytes(range(200, 200 + length))
    forms = []
    for shift in range(3):
        texts = [
            base64.b64encode(before * shift + value + after * count)
            for before in (b"\0", b"\xff", b"a")
            for after in (b"\0", b"\xff", b"a")
            for count in range(3)
        ]
        same = [len(set(column)) == 1 for column in zip(*texts, strict=False)]
        first = same.index(True, 2 if shift else 0) if shift else 0
        run = 0
        while first + run < len(same) and same[first + run]:
            run += 1
        forms.append(texts[0][first : first + run])
    assert leaks._base64(value) == forms


@pytest.mark.parametrize(
    ("decoder", "content", "decoded"),
    [
        (leaks._percent, b"%41%6a%6A", b"Ajj"),
        (leaks._percent, b"100 % %4 %4g%41", b"100 % %4 %4gA"),
        (leaks._percent, b"%c3%a4", "ä".encode()),
        (leaks._backslashes, rb"\u0041\u00e4", "Aä".encode()),
        (leaks._backslashes, rb"\ud83d\ude00", "😀".encode()),
        (leaks._backslashes, rb"\ud83d.", "\ufffd.".encode()),
        (leaks._backslashes, rb"\x41\x6A\xc3\xa4", "Ajä".encode()),
        (leaks._backslashes, rb"\\ \/ \" \'", rb"\ / " + b"\" '"),
        (leaks._backslashes, rb"\b\f\n\r\t\v\0", b"\b\f\n\r\t\v\0"),
        (leaks._backslashes, rb"\q \u12 \U0041 \x4", rb"\q \u12 \U0041 \x4"),
        (leaks._entities, b"&lt;&#65;&#x41;&#X61;&amp", b"<AAa&"),
        (leaks._entities, b"&auml;&hearts;", "ä♥".encode()),
        (leaks._entities, b"&#xD800;&#x110000;&none; & &;", "\ufffd\ufffd&none; & &;".encode()),
        (leaks._joined, b" a\tb\r\nc\x0b\x0cd ", b"abcd"),
    ],
)
def test_each_decoder_undoes_its_own_and_nothing_else(decoder, content, decoded):
    """Escapes become what they stand for; what is no escape stays as it is."""
    assert decoder(content) == decoded
