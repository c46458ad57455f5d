"""Signing in by an OpenID provider: a browser is sent there, and comes back with a code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query
from fastapi.responses import RedirectResponse
from starlette.requests import HTTPConnection, Request

from api.cookies import SIGN_IN
from api.deps import SettingsDep
from api.provider import Attempt, Provider
from api.routes.session import NOT_KEPT, CookiesDep, SessionsDep
from api.sessions import Sessions
from paceline.domain.sessions import SignedInBy
from paceline.errors import NotFound, NotListed, OidcRefused
from paceline.settings import Settings
from paceline.store.browser_sessions import Person
from paceline.store.tokens import is_name

router = APIRouter(prefix="/session/oidc", tags=["access"])

ATTEMPT_SECONDS = 600
"""How long a sign-in may take."""
GROUPS_LIMIT = 500

ReturnTo = Annotated[
    str, Query(max_length=1000, description="The path where the browser goes on, on the same address.")
]
Said = Annotated[str | None, Query(max_length=4000)]


def _provider(connection: HTTPConnection) -> Provider:
    provider = connection.app.state.provider
    if not isinstance(provider, Provider):
        raise NotFound("There is no sign-in by OIDC here; set PACELINE_OIDC_ISSUER, or sign in with a token.")
    return provider


ProviderDep = Annotated[Provider, Depends(_provider)]


@router.get("/start", operation_id="start_oidc", status_code=303, response_class=RedirectResponse)
async def start_oidc(
    request: Request, provider: ProviderDep, cookies: CookiesDep, return_to: ReturnTo = "/"
) -> RedirectResponse:
    """Send a browser to the provider."""
    if not _is_path(return_to):
        raise OidcRefused("`return_to` is no path of this address; give one that begins with a single /.")
    # The cookie holds a random text and the time, of which state, nonce and verifier are made: whoever has
    # not the cookie of the browser that began cannot end this, and nothing is kept here.
    kept = f"{int(time.time())}.{secrets.token_urlsafe(32)}"
    address = await provider.address(attempt_of(kept))
    answer = RedirectResponse(address, status_code=303, headers=NOT_KEPT)
    value = f"{kept}.{base64.urlsafe_b64encode(return_to.encode()).decode()}"
    cookies.write(answer, request.scope, value, ATTEMPT_SECONDS, what=SIGN_IN, same_site="lax")
    return answer


@router.get("/callback", operation_id="end_oidc", status_code=303, response_class=RedirectResponse)
async def end_oidc(
    request: Request,
    provider: ProviderDep,
    sessions: SessionsDep,
    cookies: CookiesDep,
    settings: SettingsDep,
    code: Said = None,
    state: Said = None,
    iss: Said = None,
    error: Said = None,
    error_description: Said = None,
) -> RedirectResponse:
    """Begin a session for whom the provider vouches, and send the browser on."""
    kept, return_to = _kept(cookies.read(request.scope, SIGN_IN))
    attempt = attempt_of(kept)
    if not hmac.compare_digest((state or "").encode(), attempt.state.encode()):
        raise OidcRefused(
            "This answer belongs to another sign-in than the one that this browser began; sign in again."
        )
    provider.check_issuer(iss)
    if error is not None or not code:
        why = " ".join(_plain(each) for each in (error, error_description) if each) or "no code"
        raise OidcRefused(f"{provider.issuer} did not sign you in: {why}.")
    person = person_of(await provider.claims(code, attempt), settings)
    request.scope["state"]["signing_in"] = person.name
    _check_listed(person, sessions)
    caller = await sessions.begin(person, cookies.read(request.scope))
    request.scope["state"]["caller"] = caller
    answer = RedirectResponse(return_to, status_code=303, headers=NOT_KEPT)
    cookies.clear(answer, request.scope, SIGN_IN)
    seconds = sessions.lifetime.total_seconds()
    # Strict would not be sent along when the browser goes on, as it comes from the provider's site.
    cookies.write(answer, request.scope, caller.given or "", seconds, same_site="lax")
    return answer


def attempt_of(kept: str) -> Attempt:
    """What a sign-in is bound by, made from what the browser's cookie holds."""

    def made(what: str) -> str:
        digest = hmac.new(kept.encode(), f"paceline oidc {what}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    return Attempt(made("state"), made("nonce"), made("verifier"))


def person_of(claims: dict[str, Any], settings: Settings) -> Person:
    """Who signed in, by the provider's claims.

    Raises:
        OidcRefused: they do not say a name, or one that nobody may have.
    """
    verified = claims.get("email_verified") is True or not settings.oidc_email_verified
    email = claims.get("email") if verified else None
    wanted = settings.oidc_name_claim
    name = email if wanted == "email" else claims.get(wanted)
    if not isinstance(name, str) or not is_name(name):
        more = " that it calls verified" if wanted == "email" and not verified else ""
        raise OidcRefused(
            f"{settings.oidc_issuer} says no {wanted}{more} that can be your name here; ask an admin to look "
            "at PACELINE_OIDC_NAME_CLAIM and PACELINE_OIDC_EMAIL_VERIFIED."
        )
    if "@" in name and settings.oidc_email_verified and name != email:
        # People choose such names at many providers, and the list of users has addresses.
        raise OidcRefused(
            f"{settings.oidc_issuer} gives as {wanted} an address that it does not call verified, so it is "
            "no name here; ask an admin to look at PACELINE_OIDC_NAME_CLAIM and PACELINE_OIDC_EMAIL_VERIFIED."
        )
    return Person(
        name,
        SignedInBy.OIDC,
        issuer=settings.oidc_issuer or "",
        subject=str(claims["sub"])[:255],
        email=email if isinstance(email, str) else "",
        groups=_groups(claims, settings.oidc_groups_claim),
    )


def _groups(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    found: object = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = cast(dict[str, object], found).get(part) if isinstance(found, dict) else None
    groups: list[object] = [found] if isinstance(found, str) else []
    if isinstance(found, list):
        groups = cast(list[object], found)
    return tuple(group for group in groups if isinstance(group, str))[:GROUPS_LIMIT]


def _check_listed(person: Person, sessions: Sessions) -> None:
    refusal = sessions.refusal(person)
    if refusal:
        raise NotListed(refusal, name=person.name)


def _kept(value: str | None) -> tuple[str, str]:
    """What the cookie of a sign-in holds, and where the browser goes on."""
    began, _, rest = (value or "").partition(".")
    secret, _, path = rest.partition(".")
    late = not began.isdecimal() or not 0 <= time.time() - int(began[:12]) <= ATTEMPT_SECONDS
    if late or len(secret) < 43:
        raise OidcRefused("This browser began no sign-in in the last ten minutes; sign in again.")
    try:
        return_to = base64.b64decode(path.encode("ascii"), b"-_", validate=True).decode()
    except ValueError:
        return_to = "/"
    return f"{began}.{secret}", return_to if _is_path(return_to) else "/"


def _is_path(text: str) -> bool:
    """Whether a browser that is sent there stays on this address."""
    plain = text.isascii() and text.isprintable() and "\\" not in text
    return plain and text.startswith("/") and not text.startswith("//")


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:200]
