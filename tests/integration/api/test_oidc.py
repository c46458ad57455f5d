"""Signing in by a real OpenID provider over HTTP, which may lie, and the list of users."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from temporalio.client import Client

from api import believed
from api.main import create_app
from paceline.domain.access import Role
from paceline.errors import ConfigurationError
from paceline.settings import Settings
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, Record
from tests.integration.api.holders import Door, cookie_of, guarded, log_of, opened
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, provider

ME, P = "/api/v1/session", "/api/v1/projects"
START, CALLBACK = f"{ME}/oidc/start", f"{ME}/oidc/callback"


@pytest.fixture
def theirs() -> Iterator[OpenIdProvider]:
    """A provider."""
    with provider() as made:
        yield made


def set_up(settings: Settings, theirs: OpenIdProvider, **more: Any) -> Settings:
    """Settings with which one signs in by a provider."""
    oidc: dict[str, Any] = {
        "oidc_issuer": theirs.address,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "oidc_redirect_url": f"https://paceline.example{CALLBACK}",
        "oidc_roles": "devs=operator, leads = admin",
    }
    return guarded(settings, **(oidc | more))


Opening = Callable[..., Any]


@pytest.fixture
def opening(database: Database, no_temporal: Client, settings: Settings, theirs: OpenIdProvider) -> Opening:
    """Opens an application that knows the provider."""

    @asynccontextmanager
    async def open_door(**more: Any) -> AsyncGenerator[Door]:
        async with opened(database, no_temporal, set_up(settings, theirs, **more)) as door:
            yield door

    return open_door


async def there(calls: Calls, query: str = "") -> tuple[httpx2.Response, httpx2.Response]:
    """A browser is sent to the provider, which sends it back; both answers."""
    start = await calls.get(f"{START}{query}")
    assert start.status_code == 303, start.text
    async with httpx2.AsyncClient() as browser:
        return start, await browser.get(start.headers["location"])


async def sign_in(calls: Calls, query: str = "") -> httpx2.Response:
    """A whole sign-in; the last answer."""
    start, back = await there(calls, query)
    parts = urlsplit(back.headers["location"])
    return await calls.get(f"{parts.path}?{parts.query}", headers={"Cookie": cookie_of(start)})


async def test_who_signs_in_has_a_session_under_their_name(
    opening: Opening, record: Record, database: Database
) -> None:
    await record()
    async with opening() as door:
        calls = await door.client(None)
        reply = await sign_in(calls, "?return_to=/board?sprint=1")
        assert (reply.status_code, reply.headers["location"]) == (303, "/board?sprint=1")
        session = next(each for each in reply.headers.get_list("set-cookie") if "session=pcs_" in each)
        assert {"HttpOnly", "Secure", "SameSite=lax"} <= set(session.split("; "))
        calls.headers["Cookie"] = session.split(";")[0]
        me = (await calls.get(ME)).json()
        assert (me["name"], me["role"], me["signed_in"]) == ("ada@example.org", "operator", "oidc")
        assert me["session"]["subject"] == "4711"
        good = {"X-CSRF-Token": me["csrf_token"]}
        entry = await calls.post(f"{P}/allotment/retrospective", json={"text": "Fewer beans"}, headers=good)
        assert entry.json()["actor"] == "ada@example.org"
    log = [(each.method, each.path, each.actor, each.status) for each in await log_of(database)]
    assert log[0] == ("GET", CALLBACK, "ada@example.org", 303)
    assert log[1][2] == "ada@example.org"


async def test_a_public_client_is_protected_by_pkce(opening: Opening, theirs: OpenIdProvider) -> None:
    theirs.public = True
    async with opening(oidc_client_secret=None) as door:
        assert (await sign_in(await door.client(None))).status_code == 303


async def test_keys_that_the_provider_changed_are_fetched_again(
    opening: Opening, theirs: OpenIdProvider
) -> None:
    async with opening() as door:
        calls = await door.client(None)
        assert [(await sign_in(calls)).status_code for _ in range(2)] == [303, 303]
        theirs.rotate()
        assert (await sign_in(calls)).status_code == 303
    assert theirs.asked.count("/keys") == 2
    assert theirs.asked.count("/.well-known/openid-configuration") == 1


async def test_what_the_id_token_does_not_say_the_userinfo_does(
    opening: Opening, theirs: OpenIdProvider
) -> None:
    theirs.hidden = {"groups", "email", "email_verified"}
    async with opening() as door:
        assert (await sign_in(await door.client(None))).status_code == 303
        theirs.overrides = {"sub": "somebody else"}
        assert (await sign_in(await door.client(None))).json()["code"] == "OIDC_REFUSED"


def _wrong_key(theirs: OpenIdProvider) -> None:
    theirs.signing = RSAKey.generate_key(2048)


def _no_algorithm(theirs: OpenIdProvider) -> None:
    theirs.algorithm = "none"


def _shared_secret(theirs: OpenIdProvider) -> None:
    theirs.algorithm = "HS256"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"nonce": "another"}, "not of this sign-in"),
        ({"nonce": None}, "not of this sign-in"),
        ({"aud": "another"}, "another application"),
        ({"aud": [CLIENT, "another"]}, "another application"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "another application"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"exp": int(time.time()) - 120}, "expired"),
        ({"exp": None}, "expired"),
        ({"iat": int(time.time()) + 3600}, "from the future"),
        ({"sub": None}, "sub is missing"),
        ({"at_hash": "another"}, "access token"),
        (_wrong_key, "signature"),
        (_no_algorithm, "signature"),
        (_shared_secret, "signature"),
    ],
)
async def test_an_id_token_that_is_not_good_is_refused(
    opening: Opening,
    theirs: OpenIdProvider,
    database: Database,
    lie: dict[str, Any] | Callable[[OpenIdProvider], None],
    said: str,
) -> None:
    if callable(lie):
        lie(theirs)
    else:
        theirs.overrides = lie
    async with opening() as door:
        reply = await sign_in(await door.client(None))
    assert (reply.status_code, reply.json()["code"]) == (403, "OIDC_REFUSED")
    assert said in reply.json()["detail"]
    assert "pcs_" not in str(reply.headers)
    assert (await log_of(database))[-1].code == "OIDC_REFUSED"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://evil.example"}, "says that it is https://evil.example"),
        ({"token_endpoint": "http://evil.example/token"}, "no token_endpoint with HTTPS"),
        ({"jwks_uri": None}, "no jwks_uri"),
    ],
)
async def test_a_provider_that_is_another_is_not_used(
    opening: Opening, theirs: OpenIdProvider, metadata: dict[str, Any], said: str
) -> None:
    theirs.metadata = metadata
    async with opening() as door:
        reply = await (await door.client(None)).get(START)
    assert (reply.status_code, reply.json()["code"]) == (502, "OIDC")
    assert said in reply.json()["detail"]


async def test_a_provider_that_does_not_answer_is_said(
    opening: Opening, theirs: OpenIdProvider, database: Database, no_temporal: Client, settings: Settings
) -> None:
    with provider() as gone:
        nowhere = set_up(settings, gone)
    async with opened(database, no_temporal, nowhere) as door:
        reply = await (await door.client(None)).get(START)
    assert (reply.status_code, reply.json()["code"]) == (503, "OIDC_UNREACHABLE")
    assert reply.headers["Retry-After"]
    async with opening() as door:
        calls = await door.client(None)
        start, back = await there(calls)
        theirs.broken = 500
        parts = urlsplit(back.headers["location"])
        reply = await calls.get(f"{parts.path}?{parts.query}", headers={"Cookie": cookie_of(start)})
    assert (reply.status_code, reply.json()["code"]) == (503, "OIDC_UNREACHABLE")


async def test_what_the_provider_refuses_is_said(opening: Opening, theirs: OpenIdProvider) -> None:
    theirs.error = "access_denied"
    async with opening() as door:
        reply = await sign_in(await door.client(None))
    assert reply.json()["code"] == "OIDC_REFUSED"
    assert "access_denied" in reply.json()["detail"]


async def test_only_the_browser_that_began_ends_a_sign_in_and_once(opening: Opening) -> None:
    async with opening() as door:
        calls = await door.client(None)
        start, back = await there(calls)
        own, other = cookie_of(start), cookie_of(await calls.get(START))
        parts = urlsplit(back.headers["location"])
        path = f"{parts.path}?{parts.query}"
        state = parse_qs(parts.query)["state"][0]
        for cookie, where in (
            ("", path),
            (other, path),
            (own, path.replace(state, "another")),
            (own, f"{parts.path}?code=x"),
            (own, path.replace("iss=http", "iss=https")),
            ("__Host-paceline-sign-in=1.x.y", path),
        ):
            reply = await calls.get(where, headers={"Cookie": cookie})
            assert (reply.status_code, reply.json()["code"]) == (403, "OIDC_REFUSED"), where
        name, _, kept = own.partition("=")
        late = f"{name}={int(time.time()) - 601}.{kept.split('.', 1)[1]}"
        reply = await calls.get(path, headers={"Cookie": late})
        assert "last ten minutes" in reply.json()["detail"]
        assert (await calls.get(path, headers={"Cookie": own})).status_code == 303
        again = await calls.get(path, headers={"Cookie": own})
        assert (again.status_code, again.json()["code"]) == (403, "OIDC_REFUSED")
        assert "invalid_grant" in again.json()["detail"]


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "", "x", "/\n"]
)
async def test_nobody_is_sent_on_to_another_address(opening: Opening, path: str) -> None:
    async with opening() as door:
        reply = await (await door.client(None)).get(START, params={"return_to": path})
    assert (reply.status_code, reply.json()["code"]) == (403, "OIDC_REFUSED")


@pytest.mark.parametrize(
    ("claims", "more", "name"),
    [
        ({"email_verified": False}, {}, None),
        ({"email_verified": None}, {}, None),
        ({"email_verified": None}, {"oidc_email_verified": False}, "ada@example.org"),
        ({"preferred_username": "ada"}, {"oidc_name_claim": "preferred_username"}, "ada"),
        ({"preferred_username": "system"}, {"oidc_name_claim": "preferred_username"}, None),
        ({"preferred_username": "ada (for bob)"}, {"oidc_name_claim": "preferred_username"}, None),
        ({"email": 7}, {}, None),
        # A name that looks like an address could be one of the list.
        ({"preferred_username": "boss@example.org"}, {"oidc_name_claim": "preferred_username"}, None),
        (
            {"preferred_username": "boss@example.org"},
            {"oidc_name_claim": "preferred_username", "oidc_email_verified": False},
            "boss@example.org",
        ),
        (
            {"preferred_username": "ada@example.org"},
            {"oidc_name_claim": "preferred_username"},
            "ada@example.org",
        ),
    ],
)
async def test_a_name_is_one_that_the_provider_vouches_for(
    opening: Opening, theirs: OpenIdProvider, claims: dict[str, Any], more: dict[str, Any], name: str | None
) -> None:
    theirs.claims |= claims
    async with opening(**more) as door:
        calls = await door.client(None)
        reply = await sign_in(calls)
        if name is None:
            assert reply.json()["code"] == "OIDC_REFUSED"
        else:
            me = await calls.get(ME, headers={"Cookie": cookie_of(reply)})
            assert me.json()["name"] == name


@pytest.mark.parametrize(
    ("groups", "more", "role"),
    [
        (["devs", "leads"], {}, "admin"),
        ("devs", {}, "operator"),
        (["cooks"], {}, None),
        (["cooks"], {"oidc_default_role": "viewer"}, "viewer"),
        (None, {}, None),
        ([7, None], {}, None),
        ({"of": ["leads"]}, {"oidc_groups_claim": "groups.of"}, "admin"),
    ],
)
async def test_groups_are_roles(
    opening: Opening,
    theirs: OpenIdProvider,
    database: Database,
    groups: Any,
    more: dict[str, Any],
    role: str | None,
) -> None:
    theirs.claims["groups"] = groups
    async with opening(**more) as door:
        calls = await door.client(None)
        reply = await sign_in(calls)
        if role is None:
            assert (reply.status_code, reply.json()["code"]) == (403, "NOT_LISTED")
            entry = (await log_of(database))[-1]
            assert (entry.actor, entry.code) == ("ada@example.org", "NOT_LISTED")
        else:
            me = await calls.get(ME, headers={"Cookie": cookie_of(reply)})
            assert me.json()["role"] == role


# The list ---


async def test_who_is_taken_off_the_list_is_refused_and_their_session_ends(
    opening: Opening, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    users = tmp_path / "users.toml"
    users.write_text('[[users]]\nwho = "Ada@Example.org"\nrole = "viewer"\nprojects = ["Allotment"]\n')
    async with opening(users_file=users) as door:
        calls = await door.client(None)
        reply = await sign_in(calls)
        calls.headers["Cookie"] = cookie_of(reply)
        me = (await calls.get(ME)).json()
        assert (me["role"], me["projects"]) == ("viewer", ["allotment"])
        users.write_text('[[users]]\nwho = "bob@example.org"\n')
        refused = [await calls.get(P) for _ in range(2)]
        assert [each.json()["code"] for each in refused] == ["NOT_LISTED", "UNAUTHORIZED"]
        assert "is not on the list of users" in refused[0].json()["detail"]
        again = await sign_in(await door.client(None))
        assert again.json()["code"] == "NOT_LISTED"
    log = [(each.path, each.actor, each.code) for each in await log_of(database)]
    assert log[1:] == [(P, "ada@example.org", "NOT_LISTED"), (CALLBACK, "ada@example.org", "NOT_LISTED")]


async def test_a_list_that_cannot_be_read_any_more_lets_nobody_in(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(believed, "BELIEVED_SECONDS", 0.0)
    users = tmp_path / "users.toml"
    for broken in ("nonsense", "", '[[users]]\nwho = "x"\nrole = "agent"\n', None):
        users.write_text('[[users]]\nwho = "*@example.org"\n')
        async with opening(users_file=users) as door:
            assert (await sign_in(await door.client(None))).status_code == 303
            if broken is None:
                users.unlink()
            else:
                users.write_text(broken)
            reply = await sign_in(await door.client(None))
            assert reply.json()["code"] == "NOT_LISTED", broken


@pytest.mark.parametrize(
    ("listed", "name", "good"),
    [
        ("ada, bob", "ada", True),
        ("ada, bob", "Bob", True),
        ("ada", "adam", False),
        ("*@example.org", "ada@example.org", True),
        ("*@example.org", "ada@evil.org@example.org", False),
        ("*@example.org", "ada@example.org.evil", False),
        ("*", "anybody", True),
        ("", "anybody", True),
    ],
)
async def test_the_list_holds_for_tokens_too(
    opening: Opening, database: Database, listed: str, name: str, good: bool
) -> None:
    async with opening(allowed_users=listed) as door:
        calls = await door.holder(Role.VIEWER, name)
        reply = await calls.get(P)
        began = await (await door.client(None)).post(ME, json={"token": door.made[name].secret})
    assert (reply.status_code, began.status_code) == ((200, 201) if good else (403, 403))
    if not good:
        assert {(each.actor, each.code) for each in await log_of(database)} == {(name, "NOT_LISTED")}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"oidc_client_id": None}, "CLIENT_ID"),
        ({"oidc_redirect_url": "https://paceline.example/"}, "REDIRECT_URL"),
        ({"oidc_redirect_url": f"http://paceline.example{CALLBACK}"}, "https"),
        ({"oidc_issuer": "http://issuer.example"}, "https"),
        ({"oidc_roles": "devs"}, "group=role"),
        ({"oidc_roles": "devs=agent"}, "no role"),
        ({"oidc_default_role": "king"}, "no role"),
        ({"users_file": Path("/nothing/users.toml")}, "cannot be read"),
    ],
)
def test_settings_that_do_not_fit_are_said_at_the_start(
    database: Database, settings: Settings, theirs: OpenIdProvider, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        create_app(database, None, set_up(settings, theirs, **more))  # type: ignore[arg-type]


async def test_without_a_provider_that_is_said(door: Door) -> None:
    calls = await door.client(None)
    for path in (START, CALLBACK):
        reply = await calls.get(path)
        assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
        assert "PACELINE_OIDC_ISSUER" in reply.json()["detail"]
