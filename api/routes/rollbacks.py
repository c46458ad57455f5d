"""Taking merged work back: what it can be returned to, and the rollbacks that people asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from activities.rollback_history import boundaries
from api.deps import ClientDep, DatabaseDep
from api.paging import NUMBER, AnyPage
from api.permissions import ActingDep
from api.rollbacks import Wanted, ask, read_history
from paceline.domain.access import needed_to_answer
from paceline.domain.exchange import NAME_LIMIT
from paceline.domain.model import Model
from paceline.domain.questions import QuestionKind
from paceline.domain.rollback import Boundary, Rollback, RollbackKind
from paceline.store import rollbacks, runs

router = APIRouter(prefix="/projects", tags=["rollbacks"])

Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]


class RollbackRequest(Model):
    """One of `story`, `to` and `undo`; `confirmed_by` is a person who need not be asked again."""

    story: Name | None = Field(default=None, description="The story to take back.")
    to: Name | None = Field(default=None, description="The story after whose merge, or `start`.")
    undo: int | None = Field(default=None, ge=1, description="The number of a rollback.")
    asked_by: Name = "unknown"
    confirmed_by: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> RollbackRequest:
        if sum(each is not None for each in (self.story, self.to, self.undo)) != 1:
            raise ValueError("send exactly one of `story`, `to` and `undo`")
        if self.confirmed_by is not None and self.confirmed_by.strip().lower() in ("", "unknown"):
            raise ValueError("`confirmed_by` is a person's name")
        return self

    def wanted(self) -> Wanted:
        """The same in the domain's words."""
        for kind, target in ((RollbackKind.STORY, self.story), (RollbackKind.BOUNDARY, self.to)):
            if target is not None:
                return Wanted(kind, target, self.asked_by, self.confirmed_by)
        return Wanted(RollbackKind.UNDO, str(self.undo), self.asked_by, self.confirmed_by)


class RollbackReply(Model):
    """The rollback, and whether it was there before."""

    rollback: Rollback
    attached: bool


@router.post(
    "/{project}/rollbacks",
    operation_id="start_rollback",
    status_code=201,
    responses={200: {"model": RollbackReply, "description": "The same is open or made; attached to it."}},
)
async def start_rollback(
    project: str,
    body: RollbackRequest,
    response: Response,
    database: DatabaseDep,
    client: ClientDep,
    acting: ActingDep,
) -> RollbackReply:
    """Take a story back, return to a boundary, or undo a rollback; a person is asked before it moves."""
    names = {"asked_by": acting.named(body.asked_by)}
    if body.confirmed_by is not None:
        acting.need(needed_to_answer(QuestionKind.CONFIRM_ROLLBACK), "A rollback that nobody is asked about")
        names["confirmed_by"] = acting.named(body.confirmed_by)
    wanted = body.model_copy(update=names).wanted()
    rollback, attached = await ask(project, wanted, database, client)
    response.status_code = 200 if attached else 201
    return RollbackReply(rollback=rollback, attached=attached)


@router.get("/{project}/rollbacks", operation_id="list_rollbacks")
async def list_rollbacks(project: str, database: DatabaseDep, page: AnyPage) -> list[Rollback]:
    """The rollbacks of a run, oldest first."""
    await database.read(runs.get_run, project)
    found = await database.read(rollbacks.rollbacks_of, project, page.fetch, page.after(NUMBER))
    return page.cut(found, lambda rollback: (rollback.number,))


@router.get("/{project}/boundaries", operation_id="list_boundaries")
async def list_boundaries(project: str, database: DatabaseDep) -> list[Boundary]:
    """The states that the sprint's branch can be returned to, oldest first."""
    run, history = await read_history(project, database)
    return await boundaries(database, run, history)
