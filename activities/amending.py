"""Follow an edited plan from now on: all of it or nothing, in one transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session
from temporalio import activity

from activities.context import ActivityContext
from paceline.domain import graph
from paceline.domain.amendment import Amendment, compare, refused_moves, with_old_ids
from paceline.domain.amendment_steps import AmendReply, AmendStep
from paceline.domain.changes import ChangeDraft, ChangeKind, changed_plan, plan_digest
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Plan
from paceline.domain.states import AgentState, StoryState
from paceline.domain.status import REMOVED, first_status
from paceline.store import amended_rows, changes, events, runs, status

MOST_SAID = 20
"""Refusals that a reply names."""


class AmendingActivities:
    """Apply what people edited in the plan of a run."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="amend-plan")
    async def amend_plan(self, step: AmendStep) -> AmendReply:
        """Put an edited plan in force, unless something of it cannot be; a known id changes nothing."""
        return await self._context.database.write(apply_amendment, step)


def apply_amendment(session: Session, step: AmendStep) -> AmendReply:
    """Compare and apply within one transaction, so that no story starts in between."""
    key = f"amend:{step.amend.id}"
    changed = changes.changes_of(session, step.project)
    known = next((each for each in changed if each.key == key), None)
    if known is not None:
        # Its moves have revisions of their own, behind it.
        return AmendReply(revision=changes.latest_revision(session, step.project), applied=True)
    in_force = plan_digest(runs.get_run(session, step.project).plan_digest, changed)
    if step.amend.base not in ("", in_force):
        return AmendReply(revision=changes.latest_revision(session, step.project), overtaken=True)
    found, before, after = compared(session, step)
    if found.refusals:
        said = [refusal.reason for refusal in found.refusals[:MOST_SAID]]
        return AmendReply(revision=changes.latest_revision(session, step.project), refusals=said)
    text = runs.plan_text(session, step.amend.digest)
    change = ChangeDraft(
        key=key,
        kind=ChangeKind.PLAN,
        text=runs.save_plan(session, after, text),
        actor=step.amend.actor,
        reason=step.amend.reason,
    )
    revision = changes.record_changes(session, step.project, [change, *_moves(step)])
    _follow(session, step, before, after, found)
    _tell(session, step, found, revision)
    return AmendReply(
        revision=revision,
        applied=True,
        added=len(found.added),
        removed=len(found.removed),
        changed=len(found.changed),
    )


def compared(session: Session, step: AmendStep) -> tuple[Amendment, Plan, Plan]:
    """What an edited plan would change, with the plan in force and the edited one under the run's ids."""
    _, before, _ = changes.run_in_force(session, step.project)
    after = with_old_ids(runs.load_plan(session, step.amend.digest), step.amend.renames)
    rows = status.story_statuses(session, step.project)
    states = {row.id: row.state for row in rows}
    found = compare(before, after, states, step.amend.renames, step.ended_sprints)
    if step.amend.moves:
        changed = changed_plan(after, changes.changes_of(session, step.project))
        found.refusals += refused_moves(changed, rows, step.amend.moves, step.ended_sprints)
    return found, before, after


def _moves(step: AmendStep) -> list[ChangeDraft]:
    """A change for each story that goes into another sprint; an earlier one of it holds no more."""
    return [
        ChangeDraft(
            key=f"amend:{step.amend.id}#{story}",
            kind=ChangeKind.SPRINT,
            target=story,
            text=sprint,
            actor=step.amend.actor,
            reason=step.amend.reason,
        )
        for story, sprint in step.amend.moves.items()
    ]


def _follow(session: Session, step: AmendStep, before: Plan, after: Plan, found: Amendment) -> None:
    """Bring the stories' rows in line with the plan."""
    edges = graph.story_edges(after)
    amended_rows.forget_removed(session, step.project, found.added)
    stories = changed_plan(after, changes.changes_of(session, step.project)).stories
    rows = [first_status(story, after, edges) for story in stories]
    amended_rows.plan_again(session, step.project, rows)
    for key in found.removed:
        status.set_story(
            session,
            step.project,
            key,
            state=StoryState.CANCELLED,
            reason=f"{step.amend.actor} removed it from the plan"[:500],
            reason_code=REMOVED,
        )
    known = {name for story in before.stories for name in story.agents}
    for name in dict.fromkeys(name for story in after.stories for name in story.agents if name not in known):
        status.set_agent(session, step.project, name, AgentState.IDLE)


def _tell(session: Session, step: AmendStep, found: Amendment, revision: int) -> None:
    data = {
        "revision": revision,
        "reason": step.amend.reason,
        "added": found.added[:100],
        "removed": found.removed[:100],
        "changed": {
            change.story: [field.name for field in change.fields]
            + (["dependencies"] if change.waits_for or change.waits_no_more_for else [])
            for change in found.changed[:100]
        },
        "renames": dict(list(step.amend.renames.items())[:100]),
        "moved": dict(list(step.amend.moves.items())[:100]),
        "other": found.other,
    }
    draft = EventDraft(
        key=f"amend:{step.amend.id}",
        type=EventType.WORKFLOW_EVENT,
        name="plan.amended",
        actor=step.amend.actor,
        data=data,
    )
    events.append_events(session, step.project, [draft])
