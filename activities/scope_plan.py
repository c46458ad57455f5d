"""The plan of a run with less or more in a sprint: as a person chose from what the plan itself offers."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.orm import Session

from paceline.domain.changes import changed_plan, plan_digest
from paceline.domain.events import EventDraft, EventType
from paceline.domain.plan import Plan, Story
from paceline.domain.scope import Cut, ScopeAction, ScopeStep
from paceline.domain.states import FINAL_STATES
from paceline.store import changes, events, runs, status

_TITLE = 120


class Rescoped(NamedTuple):
    """A plan with less or more in a sprint, and the one from which it was made, by their digests."""

    digest: str
    base: str


def rescoped(session: Session, step: ScopeStep) -> Rescoped:
    """Save the plan in force with simpler stories, and with new ones."""
    run, plan, changed = changes.run_in_force(session, step.project)
    simpler = {cut.story: cut for cut in step.cuts if cut.action is ScopeAction.SIMPLIFY}
    added = [cut for cut in step.cuts if cut.action is ScopeAction.ADD]
    agents = _least_busy(session, step, changed_plan(plan, changed)) if added else []
    stories = [
        _with_words(story, simpler[story.id], step) if story.id in simpler else story
        for story in plan.stories
    ]
    known = {story.id for story in stories}
    stories += [_story(cut, step, agents) for cut in added if cut.story not in known]
    base = plan_digest(run.plan_digest, changed)
    text = runs.plan_text(session, base)
    return Rescoped(runs.save_plan(session, plan.model_copy(update={"stories": stories}), text), base)


def tell_rescoped(session: Session, step: ScopeStep) -> None:
    """An event for every story that a person chose."""
    told: list[EventDraft] = []
    for cut in step.cuts:
        name = {
            ScopeAction.SIMPLIFY: "story.simplified",
            ScopeAction.PULL_IN: "story.pulled_in",
            ScopeAction.ADD: "story.added",
        }[cut.action]
        told.append(
            EventDraft(
                key=f"rescoped#{step.workflow}#{cut.name}",
                type=EventType.WORKFLOW_EVENT,
                name=name,
                actor=step.actor,
                story=cut.story,
                data={"sprint": step.sprint, "text": cut.text, "why": cut.why, "note": step.note},
            )
        )
    events.append_events(session, step.project, told)


def _with_words(story: Story, cut: Cut, step: ScopeStep) -> Story:
    """The story with what the plan, and who chose it, say of a simpler one; a repeat adds nothing."""
    said = "\n\n".join(
        [f"Do less of it than is written here: {cut.text}", *([step.note] if step.note else [])]
    )
    if said in (story.description or ""):
        return story
    return story.model_copy(update={"description": f"{story.description or ''}\n\n{said}".strip()})


def _story(cut: Cut, step: ScopeStep, agents: list[str]) -> Story:
    described = "\n\n".join([cut.text, *([step.note] if step.note else [])])
    return Story(
        id=cut.story,
        title=cut.text[:_TITLE],
        description=described,
        sprints=[step.sprint],
        agents=agents,
    )


def _least_busy(session: Session, step: ScopeStep, plan: Plan) -> list[str]:
    """The agent of the sprint with the fewest stories left; the first in plan order of several."""
    rows = [row for row in status.story_statuses(session, step.project) if row.sprint == step.sprint]
    left = {name: 0 for story in plan.stories for name in story.agents[:1]}
    named = [name for row in rows for name in row.agents[:1]]
    for row in rows:
        for name in row.agents[:1]:
            left[name] = left.get(name, 0) + (row.state not in FINAL_STATES)
    return [min(dict.fromkeys(named), key=lambda name: left[name])] if named else []
