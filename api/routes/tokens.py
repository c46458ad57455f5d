"""Tokens of people and programs, for admins."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api.deps import NEVER_KEPT, DatabaseDep
from api.paging import MOMENT_TEXT, AnyPage
from api.permissions import ActingDep
from paceline.domain.access import ApiToken, Role
from paceline.domain.model import Model
from paceline.store import tokens

router = APIRouter(prefix="/tokens", tags=["access"])

DAY_SECONDS = 86_400.0
LONGEST_SECONDS = 3650 * DAY_SECONDS
ProjectName = Annotated[str, Field(min_length=1, max_length=200)]


class TokenRequest(Model):
    """A token to be made."""

    name: str = Field(min_length=1, max_length=60, description="The actor of what is done with it.")
    role: Role
    projects: list[ProjectName] = Field(
        default_factory=list[str], max_length=1000, description="Only these; none: all."
    )
    expires_in: float | None = Field(
        default=None, gt=0, le=LONGEST_SECONDS, description="Seconds; default: it does not expire."
    )
    actor: str = Field(default="unknown", min_length=1, max_length=200)


class RotateRequest(Model):
    """A new secret for a token."""

    grace: float = Field(
        default=3600.0,
        ge=0,
        le=tokens.LONGEST_GRACE.total_seconds(),
        description="Seconds in which the old secret is good too.",
    )


class TokenMade(Model):
    """A token with its secret, which is never shown again."""

    token: ApiToken
    secret: str


@router.get("", operation_id="list_tokens")
async def list_tokens(database: DatabaseDep, page: AnyPage) -> list[ApiToken]:
    """Every token, oldest first, without its secret."""
    found = await database.read(tokens.list_tokens, page.fetch, page.after(MOMENT_TEXT))
    return page.cut(found, lambda token: (token.made_at, token.id))


@router.post("", operation_id="create_token", status_code=201, dependencies=[NEVER_KEPT])
async def create_token(
    body: TokenRequest, response: Response, database: DatabaseDep, acting: ActingDep
) -> TokenMade:
    """Make a token; its secret is in this answer and nowhere else."""
    lifetime = timedelta(seconds=body.expires_in) if body.expires_in is not None else None
    made_by = acting.named(body.actor)
    made = await database.write(tokens.create_token, body.name, body.role, made_by, body.projects, lifetime)
    response.headers["Location"] = f"/api/v1/tokens/{made.token.id}"
    return TokenMade(token=made.token, secret=made.secret)


@router.post("/{token}/rotate", operation_id="rotate_token", dependencies=[NEVER_KEPT])
async def rotate_token(
    token: str,
    response: Response,
    database: DatabaseDep,
    acting: ActingDep,
    body: RotateRequest | None = None,
) -> TokenMade:
    """Give it a new secret, which is in this answer and nowhere else."""
    grace = timedelta(seconds=(body or RotateRequest()).grace)
    made = await database.write(tokens.rotate_token, token, grace)
    acting.forget()
    response.headers["Location"] = f"/api/v1/tokens/{made.token.id}"
    return TokenMade(token=made.token, secret=made.secret)


@router.delete("/{token}", operation_id="revoke_token")
async def revoke_token(token: str, database: DatabaseDep, acting: ActingDep) -> ApiToken:
    """End it, by its id, prefix or name."""
    found = await database.write(tokens.revoke_token, token)
    acting.forget()
    return found
