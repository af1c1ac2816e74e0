"""The page behind the link of a mail, and the way from the mail to a new password over HTTP."""

import re
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tenantry.app import App, open_app
from tenantry.http.server import create_asgi
from tenantry.routes import API, ROUTES
from tenantry.settings import Settings
from tenantry.testing.mail import FakeMailer
from tenantry.testing.users import make_user
from tests.http.conftest import client_of

pytestmark = pytest.mark.anyio

PUBLIC = "https://accounts.example.org"
NEW = "quite another passphrase"


async def test_the_page_lets_nothing_in_but_its_own_files(api: httpx2.AsyncClient) -> None:
    page = await api.get("/set-password")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*src=)|<style|\bon\w+=|\bstyle=", page.text)
    named = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert sorted(named) == ["set-password.css", "set-password.js"]
    for name in named:
        assert (await api.get(f"/{name}")).status_code == 200


async def test_the_page_can_be_used_with_a_password_manager(api: httpx2.AsyncClient) -> None:
    """OWASP ASVS 5.0, 6.2.6 and 6.2.7."""
    page = (await api.get("/set-password")).text
    assert 'type="password"' in page
    assert 'autocomplete="new-password"' in page
    script = (await api.get("/set-password.js")).text
    assert "paste" not in page + script
    assert "maxlength" not in page


async def test_the_page_asks_for_an_operation_that_there_is(api: httpx2.AsyncClient) -> None:
    script = (await api.get("/set-password.js")).text
    path = re.search(r'fetch\("([^"]+)"', script)
    assert path is not None
    (route,) = [r for r in ROUTES if f"{API}{r.path}" == f"/{path[1]}"]
    fields = set(route.action.__struct_fields__)
    assert fields == {"token", "new_password"}
    assert all(name in script for name in fields)


@pytest.fixture
async def public(tenantry: App, settings: Settings, mailer: FakeMailer) -> Any:
    """The system under its public address."""
    async with open_app(replace(settings, public_url=PUBLIC), upkeep=False, mailer=mailer) as app:
        yield app


async def test_from_the_mail_to_the_new_password(public: App, mailer: FakeMailer) -> None:
    await make_user(public, "john", email="john@example.com")
    async with client_of(create_asgi(public), "203.0.113.7") as client:
        forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        answers = [
            await client.post(
                f"{API}/password/request-reset", json={"username": name}, headers=forged
            )
            for name in ("john", "nobody")
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        worker = public.mail_worker()
        while await worker.run_next():
            pass
        (mail,) = mailer.sent
        links = re.findall(r"https?://\S+", mail.get_content())
        assert [link.partition("#")[0] for link in links] == [f"{PUBLIC}/set-password"]
        assert "evil" not in str(mail)
        body = {"token": links[0].partition("#")[2], "new_password": "john"}
        refused = await client.post(f"{API}/password/reset", json=body)
        assert refused.status_code == 422
        assert {v["field"] for v in refused.json()["violations"]} == {"new_password"}
        body["new_password"] = NEW
        done = await client.post(f"{API}/password/reset", json=body)
        assert (done.status_code, done.json()["username"]) == (200, "john")
        again = await client.post(f"{API}/password/reset", json=body)
        assert (again.status_code, again.json()["code"]) == (410, "invalid_token")
        login = await client.post(f"{API}/login", json={"username": "john", "password": NEW})
        assert login.status_code == 200
