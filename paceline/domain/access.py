"""Who may do what: the roles, and what an answer or an action asks for beyond its endpoint."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from paceline.domain.model import Model
from paceline.domain.questions import QuestionKind
from paceline.domain.steering import SteerAction, SteerScope

NAME_PATTERN = r"^[\w][\w .@+-]{0,59}$"
"""A token's name: without brackets, so that nobody is called "ada (for bob)"."""
TokenName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class Role(StrEnum):
    """What a caller may do; each but the agent may also do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    PRODUCT_OWNER = "product_owner"
    ADMIN = "admin"
    AGENT = "agent"
    """One attempt of one story: it may ask for files, and nothing else."""


PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.PRODUCT_OWNER, Role.ADMIN)
"""From the least to the most."""


class ApiToken(Model):
    """A token as it may be shown: without its secret."""

    id: str
    prefix: str
    """What the token begins with, to recognise it by."""
    name: str
    role: Role
    projects: list[str] = Field(default_factory=list[str])
    """The projects that it is limited to; none: not limited."""
    made_at: datetime
    made_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    previous_until: datetime | None = None
    """Until when the secret before the last rotation is taken too."""


def is_at_least(role: Role, least: Role) -> bool:
    """Whether a role may do what another one may; an agent's only what is an agent's."""
    if Role.AGENT in (role, least):
        return role is least
    return PEOPLE.index(role) >= PEOPLE.index(least)


_TECHNICAL = frozenset(
    {
        QuestionKind.ANSWER_AGENT,
        QuestionKind.TAKE_OVER,
        QuestionKind.LANDING_BLOCKED,
        QuestionKind.RESOLVE_CONFLICT,
        QuestionKind.CONFIRM_FOREIGN_EDIT,
        QuestionKind.CONFIRM_GROWTH,
        QuestionKind.HUMAN_STORY,
        QuestionKind.REPLACE_AGENT,
    }
)
"""How work goes on; every other kind is about what is done, and whether it is good."""


def needed_to_answer(kind: QuestionKind) -> Role:
    """The least role that may answer a question: technical ones are an operator's."""
    return Role.OPERATOR if kind in _TECHNICAL else Role.PRODUCT_OWNER


def needed_to_steer(action: SteerAction, scope: SteerScope) -> Role:
    """The least role that may do this: an admin's are to call it done, and to end a whole run."""
    final = action is SteerAction.FORCE_COMPLETE
    final = final or (action is SteerAction.CANCEL and scope is SteerScope.PROJECT)
    return Role.ADMIN if final else Role.OPERATOR
