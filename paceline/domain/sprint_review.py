"""The review of a sprint: what was merged and what proves it, and what was not done and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from paceline.domain.aims import AimKind, Verdict, aims_of
from paceline.domain.chronicle import StoryStand
from paceline.domain.measurements import aim_states, sprint_verdicts
from paceline.domain.model import Model
from paceline.domain.proof import Proof
from paceline.domain.reports import Period
from paceline.domain.sprint_record import SprintRecord
from paceline.domain.states import StoryState


class ReviewedStory(Model):
    """A story that was completed, with what answered for it on the commit that was merged."""

    story: str
    title: str
    agents: list[str]
    commit: str | None
    points: float | None
    proofs: dict[str, int]
    """How many criteria and checks had which verdict."""


class NotDone(Model):
    """A story that was not completed, and why."""

    story: str
    title: str
    state: StoryState
    code: str
    reason: str


class ReviewedPart(Model):
    """A part of a story that was done here; later sprints have the rest of it."""

    story: str
    title: str
    points: float | None
    reason: str
    """Which part."""


class ReviewedMetric(Model):
    """A success metric of the plan; `actual` is None where nobody measured it."""

    name: str
    target: str
    actual: str | None = None
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    actor: str | None = None


class ReviewedCriterion(Model):
    """A success criterion of the sprint, and who says whether it is met."""

    text: str
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    actor: str | None = None


class SprintReview(Model):
    """What a sprint came to."""

    period: Period
    goal: str | None
    unit: Literal["points", "stories"]
    planned: float
    completed: float
    done: list[ReviewedStory]
    not_done: list[NotDone]
    proofs: dict[str, int]
    deliverables: list[str]
    success_criteria: list[str]
    metrics: list[ReviewedMetric]
    parts: list[ReviewedPart] = Field(default_factory=list[ReviewedPart])
    """Of stories that are done in parts, those that are not over with this sprint."""
    criteria: list[ReviewedCriterion] = Field(default_factory=list[ReviewedCriterion])
    success: Verdict | None = None
    """Whether the sprint was one: every criterion is met; None where it has none."""


def sprint_review(record: SprintRecord, until: datetime) -> SprintReview:
    """The review for the end of a sprint.

    Args:
        record: the sprint.
        until: its end; events after it do not count.
    """
    told = record.told(until)
    stands = told.of_sprint(record.sprint)
    today = record.burn(told, until)[-1]
    states = aim_states(aims_of(record.plan), [each for each in record.measurements if each.at <= until])
    done = [_reviewed(record, each) for each in stands if each.done]
    return SprintReview(
        period=record.period(told, until, None),
        goal=record.written.goal or record.plan.goal,
        unit=record.weights.unit,
        planned=record.weights.total,
        completed=today.scope - today.left,
        done=done,
        not_done=[
            NotDone(
                story=each.id, title=each.story.title, state=each.state, code=each.code, reason=each.reason
            )
            for each in stands
            if not each.counts
        ],
        parts=[
            ReviewedPart(story=each.id, title=each.story.title, points=each.story.points, reason=each.reason)
            for each in stands
            if each.counts and not each.done
        ],
        proofs=_summed([each.proofs for each in done]),
        deliverables=[item.text for item in record.written.deliverables],
        success_criteria=[item.text for item in record.written.success_criteria],
        metrics=[
            ReviewedMetric(
                name=each.name,
                target=each.target,
                actual=each.actual,
                verdict=each.verdict,
                reason=each.reason,
                actor=each.actor,
            )
            for each in states
            if each.kind is AimKind.METRIC
        ],
        criteria=[
            ReviewedCriterion(text=each.target, verdict=each.verdict, reason=each.reason, actor=each.actor)
            for each in states
            if each.sprint == record.sprint
        ],
        success=sprint_verdicts(states).get(record.sprint),
    )


def _reviewed(record: SprintRecord, stand: StoryStand) -> ReviewedStory:
    return ReviewedStory(
        story=stand.id,
        title=stand.story.title,
        agents=list(stand.story.agents),
        commit=stand.commit,
        points=stand.story.points,
        proofs=verdicts([each for each in record.proofs if _of(each, stand)]),
    )


def _of(proof: Proof, stand: StoryStand) -> bool:
    return proof.story == stand.id and stand.commit is not None and proof.commit == stand.commit


def verdicts(proofs: list[Proof]) -> dict[str, int]:
    """How many proofs have which verdict."""
    found: dict[str, int] = {}
    for proof in proofs:
        found[proof.verdict] = found.get(proof.verdict, 0) + 1
    return found


def _summed(counts: list[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for verdict, count in each.items():
            found[verdict] = found.get(verdict, 0) + count
    return found
