"""Who may see the operator's page, and from where an answer counts: a real server, asked over HTTP."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pytest_paygate.adapters.page_access import BODY_BYTES_MAX
from tests.page.scene import Browser, asked

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def test_the_address_lets_one_browser_in_once(scene):
    """The token is exchanged for a cookie and leaves the address; a second visit with it is refused in a sentence."""
    first, second = Browser(scene), Browser(scene)
    answer = await first.raw("GET", scene.server.address)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", f"Path={answer.headers['location']};"))
    assert "token" not in answer.headers["location"]
    again = await second.raw("GET", scene.server.address)
    assert again.status_code == 403
    assert "This address was opened before, and it lets one browser in, once." in again.text
    assert "set-cookie" not in again.headers
    assert (await second.raw("GET", answer.headers["location"])).status_code == 403
    assert (await first.raw("GET", answer.headers["location"])).status_code == 200
    await first.close()
    await second.close()


@pytest.mark.parametrize("token", ["", "?token=", "?token=x", "?token=%00%ff"])
async def test_a_wrong_token_opens_nothing(scene, token):
    """Without the whole address there is nothing to see, and the right token is still good."""
    client = Browser(scene)
    assert (await client.raw("GET", f"/{token}")).status_code == 403
    assert (await client.raw("HEAD", scene.server.address)).status_code == 403
    assert (await client.enter()).status_code == 200
    await client.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example", ""])
async def test_a_foreign_host_is_refused(browser, host):
    """A name that leads here by DNS gets 400, cookie or not."""
    answer = await browser.raw("GET", browser.home, headers={"host": host})
    assert answer.status_code == 400
    assert "gate" not in answer.text


async def test_this_machine_s_own_name_is_fine(browser):
    """`localhost` with our port is this page too."""
    port = browser.scene.base.rpartition(":")[2]
    assert (await browser.raw("GET", browser.home, headers={"host": f"localhost:{port}"})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "{base}", "sec-fetch-site": "same-site"},
        {"origin": "{base}", "sec-fetch-site": "cross-site"},
    ],
)
async def test_an_answer_from_elsewhere_is_refused(browser, scene, headers):
    """A form that another page sends is 403, with the cookie and the right token of the form."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    body = {"form": await browser.form(), "text": "EUR 5.00 amber"}
    given = {name: value.format(base=scene.base) for name, value in headers.items()}
    answer = await browser.raw("POST", f"{browser.home}answer", data=body, headers=given)
    assert answer.status_code == 403
    assert not asking.done()
    asking.cancel()


async def test_looking_never_answers(browser, scene):
    """GET and HEAD of any address, with everything an answer needs in its query, answer nothing."""
    asking = asyncio.create_task(scene.operator.confirm(asked()))
    query = {"form": await browser.form(), "text": "EUR 5.00 amber", "word": "done"}
    for path in ("answer", "", "now"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = await browser.raw(method, f"{browser.home}{path}", params=query, headers={"origin": scene.base})
            assert answer.status_code in {200, 405}
    await asyncio.sleep(0.1)
    assert not asking.done()
    assert scene.events.answers() == []
    asking.cancel()


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "application/json"}, b'{"text": "EUR 5.00 amber"}', 415),
        ({"content-type": "text/plain"}, b"text=EUR 5.00 amber", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({}, b"text=EUR 5.00 amber", 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"text=" + b"x" * BODY_BYTES_MAX, 413),
        ({"content-type": "application/x-www-form-urlencoded"}, b"text=1&text=2", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"text=\xff", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"&".join([b"a=1"] * 50), 400),
    ],
    ids=["json", "text", "multipart", "none", "oversize", "twice", "bytes", "many"],
)
async def test_only_a_small_form_is_read(browser, scene, headers, content, status):
    """Another type, too many bytes or fields, a field twice: refused, and nothing is answered."""
    given = {"origin": scene.base, **headers}
    answer = await browser.raw("POST", f"{browser.home}answer", content=content, headers=given)
    assert answer.status_code == status
    assert answer.text.startswith("<!doctype html>")


async def test_a_body_without_a_length_is_refused(browser, scene):
    """A chunked body, whose end nobody knows, is not read."""

    async def chunks():
        yield b"text=1"

    headers = {"origin": scene.base, "content-type": "application/x-www-form-urlencoded"}
    answer = await browser.raw("POST", f"{browser.home}answer", content=chunks(), headers=headers)
    assert answer.status_code == 411


async def test_every_answer_carries_its_headers(browser):
    """Page, fragment, style, script, refusals: each is not stored, framed, sniffed, or allowed to load anything else."""
    for path in (browser.home, f"{browser.home}now", f"{browser.home}page.css", f"{browser.home}page.js", "/", "/nope"):
        answer = await browser.raw("GET", path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert all(part in policy for part in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


async def test_only_this_machine_can_connect(scene):
    """The socket is bound to 127.0.0.1 alone."""
    host, _, port = scene.base.removeprefix("http://").partition(":")
    assert host == "127.0.0.1"
    with socket.socket() as one:
        one.settimeout(2)
        assert one.connect_ex(("127.0.0.2", int(port))) != 0


async def test_a_stopped_server_answers_nobody(scene, browser):
    """Once the session has ended the port is closed, and the page cannot be served twice."""
    scene.server.close()
    scene.server.close()
    with pytest.raises(Exception, match="connect"):
        await browser.raw("GET", browser.home)
