"""An OpenID provider: the authorization code flow with PKCE, and what its ID tokens say.

OpenID Connect Core 1.0 (3.1), OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer of the answer).
The provider's metadata and keys are kept for an hour; a token that names a key that is not among them has
the keys fetched again, as providers change them.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httpx2

from api.security import is_loopback
from paceline.errors import ConfigurationError, OidcError, OidcRefused, OidcUnreachable
from paceline.settings import Settings

CALLBACK = "/api/v1/session/oidc/callback"
SECONDS = 10.0
"""The longest wait for one answer of the provider."""
KEPT_SECONDS = 3600.0
LEEWAY_SECONDS = 60
"""By how much the provider's clock may differ."""
ANSWER_LIMIT = 1024 * 1024
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures by a key of which the public half is known; never `none`, never a shared secret."""

_Json = dict[str, Any]
_WRONG = {
    "iss": "it is of another issuer",
    "aud": "it is made for another application",
    "azp": "it is made for another application",
    "nonce": "it is not of this sign-in (nonce)",
    "iat": "it is from the future",
    "nbf": "it is not good yet",
    "exp": "it has expired",
    "at_hash": "it does not belong to the access token",
}


class Attempt(NamedTuple):
    """What binds one sign-in to a browser."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """One provider, as the settings name it.

    Args:
        settings: issuer, client and redirect URL.

    Raises:
        ConfigurationError: they do not fit together.
    """

    def __init__(self, settings: Settings) -> None:
        self.issuer = settings.oidc_issuer or ""
        self._client_id = settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
        self._redirect = settings.oidc_redirect_url or ""
        self._scopes = settings.oidc_scopes
        _check("PACELINE_OIDC_ISSUER", self.issuer)
        _check("PACELINE_OIDC_REDIRECT_URL", self._redirect)
        if not self._client_id or not self._redirect.endswith(CALLBACK):
            raise ConfigurationError(
                "PACELINE_OIDC_ISSUER needs PACELINE_OIDC_CLIENT_ID, and PACELINE_OIDC_REDIRECT_URL that "
                f"ends with {CALLBACK}."
            )
        self._wanted = {settings.oidc_name_claim, settings.oidc_groups_claim.partition(".")[0]}
        self._metadata: tuple[_Json, float] | None = None
        self._keys: tuple[Any, float] | None = None

    async def address(self, attempt: Attempt) -> str:
        """Where a browser is sent to sign in.

        Raises:
            OidcError: the provider does not answer, or wrongly.
        """
        metadata = await self._known()
        async with self._oauth(metadata) as oauth:
            url, _ = oauth.create_authorization_url(
                metadata["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return cast(str, url)

    async def claims(self, code: str, attempt: Attempt) -> _Json:
        """What the provider says about who signed in.

        Args:
            code: what the browser brought back.
            attempt: the same as when it was sent.

        Raises:
            OidcRefused: the code, or the ID token, is not good.
            OidcError: the provider does not answer, or wrongly.
        """
        metadata = await self._known()
        given = await self._exchange(metadata, code, attempt)
        token, access = given.get("id_token"), given.get("access_token")
        if not isinstance(token, str):
            raise OidcError(f"{self.issuer} gave no ID token; add `openid` to PACELINE_OIDC_SCOPES.")
        claims = await self._verified(metadata, token, access, attempt.nonce)
        if self._wanted <= claims.keys() or not isinstance(access, str):
            return claims
        return await self._more(metadata, access, claims)

    def check_issuer(self, said: str | None) -> None:
        """Refuse an answer that comes from another provider (RFC 9207).

        Raises:
            OidcRefused: it does.
        """
        if said is not None and said.rstrip("/") != self.issuer.rstrip("/"):
            raise OidcRefused(f"The answer is of another provider than {self.issuer}; sign in again.")

    async def _known(self) -> _Json:
        """The provider's metadata."""
        if self._metadata is not None and time.monotonic() - self._metadata[1] < KEPT_SECONDS:
            return self._metadata[0]
        found = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        issuer = found.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self.issuer.rstrip("/"):
            raise OidcError(
                f"{self.issuer} says that it is {_short(issuer)}; set PACELINE_OIDC_ISSUER to the provider's "
                "own words."
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            url = found.get(name)
            if not isinstance(url, str) or not _is_safe(url):
                raise OidcError(f"{self.issuer} has no {name} with HTTPS, so nobody can sign in by it.")
        self._metadata = (found, time.monotonic())
        return found

    async def _exchange(self, metadata: _Json, code: str, attempt: Attempt) -> _Json:
        from authlib.integrations.base_client import OAuthError  # pyright: ignore[reportMissingTypeStubs]

        try:
            async with asyncio.timeout(SECONDS), self._oauth(metadata) as oauth:
                given: object = await oauth.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                )
        except OAuthError as error:
            raise OidcRefused(
                f"{self.issuer} does not take what the browser brought back ({_short(error.error)}); sign in "
                "again."
            ) from error
        except (TimeoutError, httpx2.TransportError) as error:
            raise self._silent() from error
        except (httpx2.HTTPError, ValueError) as error:
            raise OidcError(f"{self.issuer} answered with no token; its log may say why.") from error
        return cast(_Json, given) if isinstance(given, dict) else {}

    async def _verified(self, metadata: _Json, token: str, access: object, nonce: str) -> _Json:
        """The claims of an ID token that is good (OpenID Connect Core 1.0, 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken  # pyright: ignore[reportMissingTypeStubs]
        from joserfc import jwt
        from joserfc.errors import ClaimError, JoseError

        try:
            keys = await self._keys_for(metadata, token)
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            options = {"iss": {"value": metadata["issuer"]}, "aud": {"value": self._client_id}}
            params = {"nonce": nonce, "client_id": self._client_id, "access_token": access}
            made: Any = CodeIDToken
            made(decoded.claims, decoded.header, options, params).validate(leeway=LEEWAY_SECONDS)
        except ClaimError as error:
            claim = str(getattr(error, "claim", ""))
            why = _WRONG.get(claim, f"its {claim} is missing or wrong") if claim else "it is not good"
            raise OidcRefused(f"The ID token of {self.issuer} is refused: {why}; sign in again.") from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OidcRefused(
                f"The ID token of {self.issuer} is refused: its signature is not by a key of the provider."
            ) from error
        return dict(decoded.claims)

    async def _keys_for(self, metadata: _Json, token: str) -> Any:
        from joserfc import jws

        kid = jws.extract_compact(token.encode()).headers().get("kid")
        if self._keys is not None and time.monotonic() - self._keys[1] < KEPT_SECONDS:
            keys = self._keys[0]
            if kid is None or any(key.kid == kid for key in keys):
                return keys
        keys = await self._fetch_keys(metadata)
        self._keys = (keys, time.monotonic())
        return keys

    async def _fetch_keys(self, metadata: _Json) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = (await self._get(metadata["jwks_uri"])).get("keys")
        listed = cast(list[Any], found) if isinstance(found, list) else []
        keys = [cast(_Json, key) for key in listed if isinstance(key, dict)]
        public: Any = [key for key in keys if key.get("kty") != "oct"]
        try:
            return KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OidcError(f"{self.issuer} shows no keys that ID tokens could be signed with.") from error

    async def _more(self, metadata: _Json, access: str, claims: _Json) -> _Json:
        """What is said at the provider's userinfo endpoint only, where it is about the same person."""
        url = metadata.get("userinfo_endpoint")
        if not isinstance(url, str) or not _is_safe(url):
            return claims
        found = await self._get(url, {"Authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            return claims
        if "email" in claims and found.get("email") != claims["email"]:
            found.pop("email_verified", None)  # of another address
        return found | claims

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> _Json:
        body = b""
        try:
            async with (
                asyncio.timeout(SECONDS),
                httpx2.AsyncClient(timeout=SECONDS) as client,
                client.stream("GET", url, headers=headers) as reply,
            ):
                async for part in reply.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_LIMIT:
                        raise OidcError(f"{url} answers with more than {ANSWER_LIMIT // 1024} KiB.")
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._silent() from error
        if reply.status_code >= 500:
            raise self._silent()
        try:
            found: object = json.loads(body) if reply.status_code == 200 else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise OidcError(f"{url} gives no JSON object (status {reply.status_code}); is it the provider's?")
        return cast(_Json, found)

    def _oauth(self, metadata: _Json) -> Any:
        from authlib.integrations.httpx_client import (  # pyright: ignore[reportMissingTypeStubs]
            AsyncOAuth2Client,
        )

        client: Any = AsyncOAuth2Client
        return client(
            self._client_id,
            self._secret,
            token_endpoint_auth_method=self._method(metadata),
            scope=self._scopes,
            redirect_uri=self._redirect,
            code_challenge_method="S256",
            timeout=SECONDS,
            follow_redirects=False,
        )

    def _method(self, metadata: _Json) -> str:
        """How the client says who it is at the token endpoint."""
        offered: object = metadata.get("token_endpoint_auth_methods_supported")
        names = cast(list[object], offered) if isinstance(offered, list) else ["client_secret_basic"]
        if self._secret is None:
            return "none"
        return "client_secret_basic" if "client_secret_basic" in names else "client_secret_post"

    def _silent(self) -> OidcUnreachable:
        return OidcUnreachable(
            f"The provider {self.issuer} does not answer, so nobody can sign in by it now; try again later, "
            "or sign in with a token.",
            retry_after=5,
        )


def provider_of(settings: Settings) -> Provider | None:
    """The provider that the settings name; None: there is none.

    Raises:
        ConfigurationError: they do not fit together.
    """
    return Provider(settings) if settings.oidc_issuer else None


def _check(name: str, url: str) -> None:
    if not _is_safe(url):
        raise ConfigurationError(
            f"{name} is {url!r}; it needs an address with https:// (http only on loopback)."
        )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def _short(text: object) -> str:
    return "".join(letter for letter in str(text) if letter.isprintable())[:80]
