"""Where a retry starts, and what it is told where its earlier work does not apply on the branch any more."""

from __future__ import annotations

from activities.context import RunContext
from paceline.contracts import WorkStep
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.domain.work import ConflictOrder, MergedMeanwhile
from paceline.vcs.conflicts import Conflict, carry_over, find_conflict
from paceline.vcs.repository import Repository

_SHOWN = 50
"""Paths, stories and agents in an event."""


async def resume(
    run: RunContext, repository: Repository, branch: str, head: str, work: str | None
) -> tuple[str | None, ConflictOrder | None]:
    """What to start an attempt with, given the preserved work of an earlier one; a repeat gives the same.

    Args:
        branch: the sprint's.
        head: where the attempt begins.
        work: the ref of the preserved work; None: a fresh start.

    Returns:
        The commit or ref to carry over, and what the agent is told of a conflict.
    """
    found = await repository.resolve(work) if work is not None else None
    if work is None or found is None:
        return work, None
    conflict = await find_conflict(repository, head, found)
    if conflict is None:
        return work, None
    return await carry_over(repository, head, found), _told(run, branch, work, conflict)


def session_draft(run: RunContext, story: Story, step: WorkStep, conflict: ConflictOrder) -> EventDraft:
    """That an attempt settles a conflict of work with work: over what, with whose work, and by whom."""
    others = [each.story for each in conflict.merged if each.story is not None and each.story != story.id]
    stories = list(dict.fromkeys([story.id, *others]))[:_SHOWN]
    agents = [name for each in stories for name in run.story(each).agents]
    return EventDraft(
        key=f"{run.workflow_id(story)}#conflict-{step.attempt}",
        type=EventType.WORKFLOW_EVENT,
        name="conflict.session",
        story=story.id,
        data={
            "attempt": step.attempt,
            "paths": conflict.paths[:_SHOWN],
            "stories": stories,
            "agents": list(dict.fromkeys(agents))[:_SHOWN],
            "resolves": run.lead(story),
            "head": conflict.head,
        },
    )


def _told(run: RunContext, branch: str, work: str, conflict: Conflict) -> ConflictOrder:
    by_claim = {run.workflow_id(story): story.id for story in run.plan.stories}
    return ConflictOrder(
        branch=branch,
        head=conflict.head,
        base=conflict.base,
        work=work,
        paths=conflict.paths,
        hunks=conflict.hunks,
        story_changed=conflict.work_changed,
        branch_changed=conflict.branch_changed,
        merged=[
            MergedMeanwhile(
                commit=each.commit, subject=each.subject, story=by_claim.get(each.story_workflow_id or "")
            )
            for each in conflict.merged
        ],
    )
