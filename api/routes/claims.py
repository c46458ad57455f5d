"""Claims: who holds and waits for what, what was decided, and an agent's wish for more."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from activities.announcing import announce
from activities.context import ActivityContext, RunContext
from activities.growth import Wish, grow_while_working
from activities.wishes import claim_token, requested_files
from api.deps import HIGHEST, ClientDep, DatabaseDep, SettingsDep
from api.paging import PageOf200
from api.permissions import ActingDep
from paceline.domain import ids
from paceline.domain.access import Role
from paceline.domain.claims import DecisionRecord, LiveClaim
from paceline.domain.events import EventDraft, EventType
from paceline.domain.exchange import ClaimAnswer, ClaimWish
from paceline.domain.plan import Story
from paceline.errors import ForeignFile, NotFound, Refused, Unauthorized
from paceline.store import claim_decisions, claim_view, events, runs

router = APIRouter(prefix="/projects", tags=["claims"])

After = Annotated[int, Query(ge=0, le=HIGHEST, description="Number of the last decision that is known.")]
StoryFilter = Annotated[str | None, Query(description="Only those of this story.", max_length=1000)]


@router.get("/{project}/claims", operation_id="list_claims")
async def list_claims(project: str, database: DatabaseDep) -> list[LiveClaim]:
    """Who holds and waits for what, in the order of asking."""
    await database.read(runs.get_run, project)
    return await database.read(claim_view.live_claims, project)


@router.get("/{project}/claims/decisions", operation_id="list_claim_decisions")
async def list_decisions(
    project: str, database: DatabaseDep, page: PageOf200, after: After = 0, story: StoryFilter = None
) -> list[DecisionRecord]:
    """What was decided about claims after a number, oldest first."""
    await database.read(runs.get_run, project)
    known = page.number(after)
    found = await database.read(claim_decisions.decisions_of, project, story, known, page.most)
    return page.cut(found, lambda each: (each.number,))


@router.post("/{project}/stories/{story:path}/claim", operation_id="grow_claim")
async def grow_claim(
    project: str,
    story: str,
    wish: ClaimWish,
    database: DatabaseDep,
    client: ClientDep,
    settings: SettingsDep,
    acting: ActingDep,
) -> ClaimAnswer:
    """Ask for files beside a story's claim, as its agent does while it works; answered at once."""
    context = ActivityContext(database, settings, client)
    agent = acting.caller.role is Role.AGENT
    try:
        run = await context.newest(project)
        known = run.story(story)
    except NotFound:
        if agent:
            # Its token is not known to be good yet, and a stranger is not told which runs there are.
            raise Unauthorized(_NOT_ITS_OWN) from None
        raise
    token = claim_token(settings, run.workflow_id(known), wish.attempt, wish.fence)
    if agent and not hmac.compare_digest((acting.caller.given or "").encode(), token.encode()):
        raise Unauthorized(_NOT_ITS_OWN)
    files = requested_files(wish.paths)
    asked = await database.write(_grow, run, known, wish, files)
    if asked.decision is None:
        return _ruled(asked, wish)
    await context.tell(asked.decision.grants, asked.decision.retreats)
    decision = asked.decision
    return ClaimAnswer(
        state=decision.state,
        claimed=asked.claimed,
        position=decision.position,
        waits_for=decision.waits_for,
        message=_MESSAGES[decision.state],
    )


_NOT_ITS_OWN = "An agent may only ask for the claim of its own story, while it works on it."
_MESSAGES = {
    "granted": "The files may be changed now.",
    "waiting": "Somebody else has them; finish without them, ask again later, or end with `needs_files`.",
    "deadlock": "Whoever has them waits for this story: end with `needs_files`, and they come with the next "
    "attempt.",
    "ask": "A person has to be asked first: end with `needs_files`, and they come with the next attempt.",
}


def _ruled(asked: Wish, wish: ClaimWish) -> ClaimAnswer:
    assert asked.ruling is not None  # noqa: S101 - there is a decision or a ruling; narrows the type
    if asked.ruling.verdict == "refuse":
        kind = ForeignFile if asked.ruling.foreign else Refused
        raise kind(asked.ruling.reason, paths=wish.paths)
    return ClaimAnswer(state="ask", claimed=asked.claimed, message=_MESSAGES["ask"])


def _grow(session: Session, run: RunContext, story: Story, wish: ClaimWish, files: list[str]) -> Wish:
    asked = grow_while_working(session, run, story, wish.attempt, wish.fence, files)
    if asked.decision is not None:
        announce(session, asked.decision.grants, asked.decision.retreats)
        asking = f"{run.workflow_id(story)}#claim.growth#{wish.fence}#{asked.decision.state}"
        draft = EventDraft(
            key=f"{asking}#{ids.short_digest(' '.join(files))}",
            type=EventType.WORKFLOW_EVENT,
            name="claim.growth",
            story=story.id,
            data={"files": files, "state": asked.decision.state, "attempt": wish.attempt},
        )
        events.append_events(session, run.run.id, [draft])
    return asked
