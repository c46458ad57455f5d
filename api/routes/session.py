"""The browser session of whoever asks: sign in, say who one is, sign out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from starlette.requests import HTTPConnection, Request

from api.callers import Caller
from api.cookies import Cookies, csrf_token
from api.deps import SettingsDep
from api.permissions import ActingDep
from api.sessions import Sessions
from paceline.domain.sessions import BrowserSession, SignInRequest, WhoAmI
from paceline.errors import NotFound, NotListed

router = APIRouter(prefix="/session", tags=["access"])

NOT_KEPT = {"Cache-Control": "no-store"}


def _sessions(connection: HTTPConnection) -> Sessions:
    sessions = connection.app.state.sessions
    assert isinstance(sessions, Sessions)  # noqa: S101 - set by create_app; narrows the type
    return sessions


def _cookies(settings: SettingsDep) -> Cookies:
    return Cookies(settings)


SessionsDep = Annotated[Sessions, Depends(_sessions)]
CookiesDep = Annotated[Cookies, Depends(_cookies)]


@router.post("", operation_id="sign_in", status_code=201)
async def sign_in(
    body: SignInRequest, request: Request, response: Response, sessions: SessionsDep, cookies: CookiesDep
) -> WhoAmI:
    """Sign in with a token: the answer sets a cookie, and a session of this browser up to now ends."""
    try:
        person = await sessions.person_of(body.token, body.name)
    except NotListed as error:
        request.scope["state"]["signing_in"] = error.details["name"]
        raise
    caller = await sessions.begin(person, cookies.read(request.scope))
    request.scope["state"]["caller"] = caller
    response.headers.update(NOT_KEPT)
    cookies.write(response, request.scope, caller.given or "", sessions.lifetime.total_seconds())
    return who_am_i(caller)


@router.get("", operation_id="get_session")
async def get_session(acting: ActingDep, response: Response) -> WhoAmI:
    """Who asks, with which role, for which projects, and the session's token against foreign pages."""
    response.headers.update(NOT_KEPT)
    return who_am_i(acting.caller)


@router.delete("", operation_id="sign_out")
async def sign_out(
    request: Request, response: Response, acting: ActingDep, sessions: SessionsDep, cookies: CookiesDep
) -> BrowserSession:
    """End the session; its cookie opens nothing any more."""
    session = acting.caller.session
    if session is None:
        raise NotFound("This request belongs to no browser session; there is nothing to sign out of.")
    found = await sessions.end(session.id, session.name)
    cookies.clear(response, request.scope)
    return found


def who_am_i(caller: Caller) -> WhoAmI:
    """A caller, as they may see themselves."""
    if caller.session is not None:
        how = caller.session.signed_in.value
    elif caller.local:
        how = "loopback"
    else:
        how = "token" if caller.token else "server_token"
    return WhoAmI(
        name=caller.name,
        role=caller.role,
        projects=sorted(caller.projects) if caller.projects is not None else None,
        signed_in=how,
        session=caller.session,
        csrf_token=csrf_token(caller.given or "") if caller.session is not None else None,
    )
