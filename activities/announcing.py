"""Who was granted a claim or lost one, written down for everybody to see."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from paceline.domain.claims import Grant, Retreat
from paceline.domain.events import EventDraft, EventType
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import StoryStatus
from paceline.store import claims, events, status


def announce(session: Session, grants: Sequence[Grant], retreats: Sequence[Retreat] = ()) -> None:
    """Write down who was granted a claim and who lost one, in the transaction that did it.

    So a waiter that is told by signal can work at once, without asking again.
    """
    if retreats:
        _announce_retreats(session, retreats)
    stories = claims.stories_of(session, [grant.claim for grant in grants])
    for grant in grants:
        if grant.claim in stories:
            project, story = stories[grant.claim]
            attempt = status.story_status(session, project, story).attempt
            project_grant(session, project, story, grant.holder, grant.fence, attempt)


def _announce_retreats(session: Session, retreats: Sequence[Retreat]) -> None:
    stories = claims.stories_of(session, [retreat.claim for retreat in retreats])
    for retreat in retreats:
        if retreat.claim not in stories:
            continue
        project, story = stories[retreat.claim]
        attempt = status.story_status(session, project, story).attempt
        status.set_story(
            session,
            project,
            story,
            state=StoryState.CLAIMING,
            reason="gave back its claim, and waits for all of it again",
            reason_code="CLAIM_LOST",
        )
        lost = EventDraft(
            key=f"{retreat.holder}#claim.lost#{retreat.fence}",
            type=EventType.WORKFLOW_EVENT,
            name="claim.lost",
            story=story,
            data={"fence": retreat.fence, "attempt": attempt},
        )
        events.append_events(session, project, [lost])


def project_grant(
    session: Session, project: str, story: str, workflow_id: str, fence: int, attempt: int
) -> None:
    """Write down that a story has its claim and is under work."""
    row = status.set_story(
        session,
        project,
        story,
        state=StoryState.WORKING,
        attempt=attempt,
        workflow_id=workflow_id,
        fence=fence,
    )
    granted = EventDraft(
        key=f"{workflow_id}#claim.granted#{fence}#{attempt}",
        type=EventType.WORKFLOW_EVENT,
        name="claim.granted",
        story=story,
        data={"fence": fence, "attempt": attempt},
    )
    agents = agent_events(session, project, row, AgentState.WORKING)
    events.append_events(session, project, [granted, *agents])


def agent_events(
    session: Session, project: str, row: StoryStatus, state: AgentState, *, mark: str = ""
) -> list[EventDraft]:
    """Set the state of a story's agents; returns the events that say so, not yet appended.

    An agent that may do several stories at once becomes idle only when none of its others is being done.
    """
    busy = status.busy_agents(session, project, row.id) if state is AgentState.IDLE else frozenset[str]()
    drafts: list[EventDraft] = []
    for name in row.agents:
        if name in busy:
            continue
        does = None if state is AgentState.IDLE else row.id
        status.set_agent(session, project, name, state, story=does)
        drafts.append(
            EventDraft(
                key=f"{row.workflow_id}#agent#{name}#{state}#{row.attempt}#{mark}",
                type=EventType.AGENT_STATUS_CHANGE,
                name="agent.status",
                story=row.id,
                data={"agent": name, "state": state.value, "story": row.id},
            )
        )
    return drafts
