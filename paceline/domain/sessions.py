"""Browser sessions, as they may be shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from paceline.domain.access import Role
from paceline.domain.model import Model


class SignedInBy(StrEnum):
    """What a person showed to sign in."""

    TOKEN = "token"  # noqa: S105 - a way to sign in, not a secret
    SERVER_TOKEN = "server_token"  # noqa: S105 - the same
    OIDC = "oidc"


class BrowserSession(Model):
    """A session without its secret."""

    id: str
    name: str
    """The actor of what is done in it."""
    signed_in: SignedInBy
    token: str = ""
    """Id of the token that it was made from, and ends with."""
    issuer: str = ""
    subject: str = ""
    email: str = ""
    """Only one that the provider vouches for."""
    groups: list[str] = Field(default_factory=list[str])
    made_at: datetime
    used_at: datetime
    expires_at: datetime
    """When it ends, however much it is used."""
    ended_at: datetime | None = None
    ended_by: str = ""


class SignInRequest(Model):
    """A token to sign in with."""

    token: str = Field(min_length=1, max_length=500, description="A token of yours, or the server's own.")
    name: str | None = Field(
        default=None, max_length=60, description="Who signs in; needed with the server's own token."
    )


class WhoAmI(Model):
    """Who asks."""

    name: str | None
    """None: the request itself says who acts."""
    role: Role
    projects: list[str] | None
    """What it is limited to; None: not limited."""
    signed_in: str
    """`loopback`, `token`, `server_token` or `oidc`."""
    session: BrowserSession | None = None
    """None: no browser session."""
    csrf_token: str | None = None
    """What requests of the session that change something bring as `X-CSRF-Token`."""
