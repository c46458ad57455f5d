"""A story's own merge, found again after whatever stopped the one who made it.

A trailer alone proves nothing: agents share the repository, and any of them could write it. A merge is the
story's when it carries its trailer and Paceline noted the evidence of exactly that commit before the merge.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from activities.context import ActivityContext, RunContext
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Story
from paceline.store import artifacts, events, status
from paceline.vcs.merge import find_merges
from paceline.vcs.repository import Repository

EVIDENCE = "evidence"


def evidence_path(folder: Path, commit: str) -> Path:
    """The file with the evidence of one candidate merge."""
    return folder / f"evidence-{commit[:12]}.json"


async def find_own_merge(
    context: ActivityContext, run: RunContext, story: Story, repository: Repository
) -> str | None:
    """The story's merge on its sprint's branch, if it was made."""
    branch = run.branch(run.sprint_of(story))
    found = await find_merges(repository, branch, run.run.base_commit or "", run.workflow_id(story))
    if not found:
        return None
    proofs = await context.database.read(_proofs, run.run.id, story.id)
    return next((commit for commit in found if evidence_path(Path(), commit).name in proofs), None)


async def note_merge(context: ActivityContext, run: RunContext, story: Story) -> None:
    """Record the story's merge, where the one who made it was stopped before it could."""
    if run.run.repository is None:
        return
    merged = await find_own_merge(context, run, story, await context.repository(run))
    if merged is not None:
        row = await context.database.read(status.story_status, run.run.id, story.id)
        await context.database.write(record_merge, run, story, merged, row.fence, row.attempt)


def record_merge(
    session: Session, run: RunContext, story: Story, commit: str, fence: int | None, attempt: int
) -> None:
    """Note that the merge was made; twice is once."""
    draft = EventDraft(
        key=_key(run, story),
        type=EventType.WORKFLOW_EVENT,
        name="merge.made",
        story=story.id,
        data={
            "commit": commit,
            "branch": run.branch(run.sprint_of(story)),
            "fence": fence,
            "attempt": attempt,
        },
    )
    events.append_events(session, run.run.id, [draft])


def recorded_merge(session: Session, run: RunContext, story: Story) -> str | None:
    """The commit of the story's merge, if one was recorded."""
    made = events.event_of(session, run.run.id, _key(run, story))
    return str(made.data["commit"]) if made is not None else None


def _key(run: RunContext, story: Story) -> str:
    return f"{run.workflow_id(story)}#merge"


def _proofs(session: Session, project: str, story: str) -> set[str]:
    return {Path(each.path).name for each in artifacts.list_artifacts(session, project, story, EVIDENCE)}
