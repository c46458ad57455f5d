"""A small OpenID provider over real HTTP, which can lie."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "paceline", "a secret/of the client"


class OpenIdProvider:
    """Signs in whoever `claims` says, at once.

    Attributes:
        claims: of the person.
        overrides: claims of the ID token that are not as they should be; None leaves one out.
        hidden: claims that only the userinfo endpoint says.
        metadata: of the discovery document, that are not as they should be.
        error: what the authorization endpoint answers with instead of a code.
    """

    def __init__(self) -> None:
        self.key = _key("first")
        self.signing: Any = self.key
        self.public = False
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {
            "sub": "4711",
            "email": "ada@example.org",
            "email_verified": True,
            "groups": ["devs"],
        }
        self.overrides: dict[str, Any] = {}
        self.hidden: set[str] = set()
        self.metadata: dict[str, Any] = {}
        self.error = ""
        self.broken = 0
        """A status with which everything is answered."""
        self.asked: list[str] = []
        self.address = ""
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.key = self.signing = _key("second")

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        places = {
            name: f"{self.address}/{path}"
            for name, path in (
                ("authorization_endpoint", "authorize"),
                ("token_endpoint", "token"),
                ("jwks_uri", "keys"),
                ("userinfo_endpoint", "userinfo"),
            )
        }
        return {"issuer": self.address, **places} | self.metadata

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        code = secrets.token_hex(8)
        self._codes[code] = asked
        answer = {"error": self.error} if self.error else {"code": code}
        answer |= {"state": asked["state"], "iss": self.metadata.get("issuer", self.address)}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The tokens for a code, once."""
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if _text(digest) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form.get("redirect_uri") != asked["redirect_uri"] or not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        claims = {name: value for name, value in self.claims.items() if name not in self.hidden}
        now = int(time.time())
        claims |= {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.overrides
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self._signed(claims)}

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if self.public:
            return form.get("client_id") == CLIENT and not authorization
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        return [unquote(part) for part in given.split(":")] == [
            CLIENT,
            SECRET,
        ] or given == f"{CLIENT}:{SECRET}"

    def _signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm in ("none", "HS256"):
            # No library makes such a token: without a signature, or with the public key as its secret.
            said = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
            public = self.key.as_pem(private=False)
            forged = hmac.new(public, said.encode(), hashlib.sha256).digest()
            return f"{said}.{_text(forged) if self.algorithm == 'HS256' else ''}"
        return jwt.encode(header, claims, self.signing, algorithms=[self.algorithm])


@contextmanager
def provider() -> Generator[OpenIdProvider]:
    """A provider that listens on loopback."""
    made = OpenIdProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            made.asked.append(parts.path)
            if made.broken:
                self._answer(made.broken, {})
            elif parts.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self._answer(303, {}, made.authorize(asked))
            elif parts.path == "/.well-known/openid-configuration":
                self._answer(200, made.discovery())
            elif parts.path == "/keys":
                self._answer(200, {"keys": [made.key.as_dict(private=False)]})
            elif parts.path == "/userinfo" and self.headers["Authorization"] == "Bearer access":
                self._answer(200, made.claims)
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            made.asked.append(self.path)
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            self._answer(*made.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, body: dict[str, Any], location: str = "") -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
