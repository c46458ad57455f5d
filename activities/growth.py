"""Claims as the run's rules let stories have them: at first, and grown by what an agent finds it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from activities.context import RunContext
from activities.wishes import claimed_patterns, held_patterns
from paceline.domain.claims import (
    ClaimDecision,
    ClaimRequest,
    Grant,
    GrowDecision,
    Need,
    Retreat,
)
from paceline.domain.globs import covers
from paceline.domain.growth import MOST_GROWN, Ruling, rule_on_claim, rule_on_growth
from paceline.domain.plan import Story
from paceline.domain.questions import QuestionKind
from paceline.domain.states import StoryState
from paceline.errors import ForeignFile, NotFound, Refused, StaleFence
from paceline.store import claim_decisions, claim_growth, claims, status

_FILE = "file:"
_PATH_LIMIT = 1_000
_RULE = "rule"
"""The actor of what the sprint manager's rule decided."""
_CODES = {
    QuestionKind.CONFIRM_FOREIGN_EDIT: ForeignFile.code,
    QuestionKind.CONFIRM_GROWTH: "GROWTH_REFUSED",
}
"""Codes of what a person or the rule refuses."""


class Asking(NamedTuple):
    """What comes of asking: a decision about the claim, or a ruling that comes before it."""

    decision: ClaimDecision | None
    ruling: Ruling | None = None

    @property
    def question(self) -> QuestionKind:
        """What a person is asked where the ruling says so."""
        foreign = self.ruling is not None and self.ruling.foreign
        return QuestionKind.CONFIRM_FOREIGN_EDIT if foreign else QuestionKind.CONFIRM_GROWTH

    @property
    def refusal(self) -> str:
        """The code of a refusal; empty where nothing was refused."""
        if self.ruling is None or self.ruling.verdict != "refuse":
            return ""
        return _CODES[self.question]


# Asking ---


def claim_request(run: RunContext, story: Story, weight: float) -> ClaimRequest:
    """All that a story needs by its plan."""
    workflow_id = run.workflow_id(story)
    return ClaimRequest(
        claim=workflow_id,
        scope=run.scope,
        holder=workflow_id,
        project=run.run.id,
        story=story.id,
        needs=run.needs(story),
        weight=weight,
    )


def first_claim(
    session: Session, run: RunContext, story: Story, weight: float, approved_by: str = ""
) -> Asking:
    """Ask for all that a story needs, if the rule for files of other agents lets it.

    Args:
        session: in a write transaction.
        run: the story's.
        story: whose claim it is.
        weight: its longest remaining path.
        approved_by: the person who said that it may.
    """
    request = claim_request(run, story, weight)
    owned = bool(run.plan.resources.owned or run.plan.resources.shared)
    if owned:
        policy = run.run.options.foreign_edits or "allow"
        ruling = rule_on_claim(run.plan, story, request.needs, policy)
        if ruling.verdict != "allow" and not (approved_by and ruling.verdict == "ask"):
            return Asking(None, ruling)
        _record(session, request, ruling, approved_by)
    return Asking(claims.request_claim(session, request))


def _record(session: Session, request: ClaimRequest, ruling: Ruling, approved_by: str) -> None:
    """Write down what was decided; what is written already about this claim is left out."""
    wanted = [each for each in ruling.arbitrations if each.relation in ("foreign", "shared")]
    if not wanted:
        return
    known = {
        need.resource
        for each in claim_decisions.decisions_of(session, request.project, request.story)
        if each.kind == "arbitrated"
        for need in each.needs
    }
    new = [each for each in wanted if each.resource not in known]
    asked = [each for each in new if each.verdict == "ask"]
    claim_decisions.record_arbitrations(session, request, asked, approved_by or _RULE)
    claim_decisions.record_arbitrations(session, request, [each for each in new if each not in asked], _RULE)


def grow(
    session: Session,
    run: RunContext,
    story: Story,
    fence: int,
    files: Sequence[str],
    approved_by: str = "",
) -> tuple[GrowDecision | None, Ruling | None]:
    """Ask for files beside what the story holds, if the run's rules let it.

    Args:
        session: in a write transaction.
        run: the story's.
        story: whose claim grows.
        fence: the number it holds its claim under.
        files: from `requested_files`.
        approved_by: the person who said that it may.

    Returns:
        The decision; or none, and the ruling that comes before it.

    Raises:
        NotFound: nobody ever asked for the claim.
        StaleFence: the holder was replaced.
        Refused: the claim has grown by too much already.
    """
    claim = run.workflow_id(story)
    record = claims.find_claim(session, claim)
    known = held_patterns(record) if record is not None else []
    needs = [Need(resource=f"{_FILE}{path}") for path in files if not covers(known, path)]
    if needs:
        options = run.run.options
        ruling = rule_on_growth(
            run.plan, story, needs, options.growth or "allow", options.foreign_edits or "allow"
        )
        if ruling.verdict != "allow" and not (approved_by and ruling.verdict == "ask"):
            return None, ruling
        if record is not None and len(record.needs) + len(needs) > len(run.needs(story)) + MOST_GROWN:
            raise Refused(
                f"The claim of {story.id} has grown by {MOST_GROWN} files already; split the story."
            )
        _record(session, claim_request(run, story, 0.0), ruling, approved_by)
    return claim_growth.grow_claim(session, claim, fence, needs), None


def grow_between_attempts(
    session: Session,
    run: RunContext,
    story: Story,
    fence: int,
    files: Sequence[str],
    approved_by: str = "",
) -> Asking:
    """`grow` where the work is preserved: of a circle that closes, this story goes back at once.

    A holder that was replaced, or whom a restored database does not know, asks again for what it had.
    """
    claim = run.workflow_id(story)
    try:
        grown, ruling = grow(session, run, story, fence, files, approved_by)
    except (StaleFence, NotFound):
        return Asking(ask_again(session, run, story))
    if grown is None:
        return Asking(None, ruling)
    if grown.state == "deadlock":
        needs = [Need(resource=f"{_FILE}{path}") for path in files]
        decision = claim_growth.retreat_claim(session, claim, fence, needs)
        return Asking(_with_others(decision, grown.grants, grown.retreats))
    decision = ClaimDecision(
        claim=claim, state=grown.state, fence=fence, position=grown.position, waits_for=grown.waits_for
    )
    return Asking(_with_others(decision, grown.grants, grown.retreats))


def ask_again(session: Session, run: RunContext, story: Story) -> ClaimDecision:
    """Ask for what was given back; of a claim that a restored database does not know, for all of it."""
    try:
        return claims.restore_claim(session, run.workflow_id(story))
    except NotFound:
        return claims.request_claim(session, claim_request(run, story, run.line_weight(story)))


def _with_others(
    decision: ClaimDecision, grants: Sequence[Grant], retreats: Sequence[Retreat]
) -> ClaimDecision:
    told = {"grants": [*grants, *decision.grants], "retreats": [*retreats, *decision.retreats]}
    return decision.model_copy(update=told)


class Wish(NamedTuple):
    """What comes of an agent's wish: a decision or a ruling that comes before it."""

    decision: GrowDecision | None
    ruling: Ruling | None
    claimed: list[str]
    """All that the story holds now."""


def grow_while_working(
    session: Session, run: RunContext, story: Story, attempt: int, fence: int, files: Sequence[str]
) -> Wish:
    """`grow` for an agent that works now.

    Raises:
        StaleFence: the attempt is not under work any more.
    """
    row = status.story_status(session, run.run.id, story.id)
    if row.state is not StoryState.WORKING or row.attempt != attempt:
        raise StaleFence(
            f"Attempt {attempt} of {story.id} is not under work any more; stop, and keep what is done."
        )
    decision, ruling = grow(session, run, story, fence, files)
    return Wish(decision, ruling, claimed_patterns(session, run, story))
