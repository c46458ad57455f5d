"""The cookie of a browser session, and the token against requests that other pages make with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from api.security import check_origin, is_loopback
from paceline.errors import CsrfRefused, Refused
from paceline.settings import Settings

CSRF_HEADER = "X-CSRF-Token"
SESSION, SIGN_IN = "session", "sign-in"
"""What cookies are for: a session, and a sign-in at a provider that is under way."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def scheme_of(scope: Scope) -> str:
    """`https` or `http`, also of a WebSocket."""
    return "https" if scope["scheme"] in ("https", "wss") else "http"


class Cookies:
    """Reads and sets the cookies of one server.

    Beyond loopback they are for HTTPS only and no other host can set them (`__Host-`, RFC 6265bis, 4.1.3.2).
    Cookies do not know ports, so that of a server on loopback has the port in its name.

    Args:
        settings: say where it listens.
    """

    def __init__(self, settings: Settings) -> None:
        self._beyond = not is_loopback(settings.api_host)

    def read(self, scope: Scope, what: str = SESSION) -> str | None:
        """The value that a request brings."""
        header = Headers(scope=scope).get("cookie")
        return cookie_parser(header).get(self._name(scope, what)) or None if header else None

    def write(
        self,
        response: Response,
        scope: Scope,
        value: str,
        seconds: float,
        *,
        what: str = SESSION,
        same_site: Literal["strict", "lax"] = "strict",
    ) -> None:
        """Have the browser keep a value, which no script can read, for some seconds."""
        response.set_cookie(
            self._name(scope, what),
            value,
            max_age=int(seconds),
            path="/",
            secure=self._secure(scope),
            httponly=True,
            samesite=same_site,
        )

    def clear(self, response: Response, scope: Scope, what: str = SESSION) -> None:
        """Have the browser forget it."""
        self.write(response, scope, "", 0, what=what)

    def _secure(self, scope: Scope) -> bool:
        return self._beyond or scheme_of(scope) == "https"

    def _name(self, scope: Scope, what: str) -> str:
        if self._secure(scope):
            return f"__Host-paceline-{what}"
        server = scope.get("server")
        return f"paceline-{what}-{server[1] if server else 0}"


def csrf_token(secret: str) -> str:
    """The token of a session: whoever knows the cookie could make it, and no page of another site does."""
    made = hmac.new(secret.encode(), b"paceline csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def check_csrf(scope: Scope, secret: str) -> None:
    """Refuse what a page of another site does with a session's cookie.

    Raises:
        Refused: another site's page asks, or a WebSocket does not say whose page opens it.
        CsrfRefused: a request to change something does not bring the session's token.
    """
    headers = Headers(scope=scope)
    if scope["type"] == "websocket":
        # Browsers always say it here; where a cookie opens the door, silence is not enough.
        if headers.get("origin") is None:
            raise Refused("A WebSocket of a browser session needs an Origin; programs bring a token instead.")
        return
    if scope["method"] in _SAFE:
        if headers.get("sec-fetch-mode") != "navigate":
            check_origin(headers, scheme_of(scope))
        return
    given = headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(secret).encode()):
        raise CsrfRefused(
            f"A request of a browser session needs the header {CSRF_HEADER}, with the csrf_token that "
            "GET /api/v1/session says."
        )
