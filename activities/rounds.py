"""A collaborative story by a lead whom the others review: they say what they think of its work, in rounds."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from activities.files import write_whole
from activities.turns import Turns
from paceline.agents.command import AgentRun
from paceline.agents.outputs import read_result
from paceline.domain.events import EventDraft, EventType
from paceline.domain.work import Criterion, PeerReview, ReviewRequest, WorkOrder, WorkOutcome, WorkResult
from paceline.vcs.put_back import paths_beside, put_back
from paceline.vcs.work import WorkCommit

_MOST_DROPPED = 100


@dataclass(frozen=True)
class Rounds:
    """The rounds of one attempt.

    Args:
        turns: the lead, the reviewers after it, and where they work.
        most: how often the lead works at most.
        base: where the attempt began.
        collect: takes the lead's work as a commit.
        tell: records a review; called again after a kill.
    """

    turns: Turns
    most: int
    base: str
    collect: Callable[[], Awaitable[WorkCommit]]
    tell: Callable[[PeerReview], Awaitable[None]]

    async def work(self, order: WorkOrder) -> list[AgentRun]:
        """Let the lead work and the others review, until nobody has a comment or the rounds are used up.

        A run that ended is read again and not run again, also after the worker died.

        Returns:
            Every run, in their order; the last one is the lead's, whose result is the attempt's.
        """
        runs: list[AgentRun] = []
        said: list[PeerReview] = []
        for number in range(1, self.most + 1):
            asked = order.model_copy(update={"reviews": list(said)})
            lead = await self.turns.take(order.agent, asked, "run" if number == 1 else f"run-{number}")
            if lead.result is None or lead.result.outcome is not WorkOutcome.DONE:
                return [*runs, lead]
            commit = await self._work_of(number)
            reviews: list[PeerReview] = []
            if commit is not None:
                reviews, reviewing = await self._reviewed(order, number, commit)
                runs += reviewing
            if number == self.most or not any(each.comments for each in reviews):
                return [*runs, _with_reviews(lead, reviews)]
            runs.append(lead)
            said += reviews
        raise AssertionError("there is at least one round")

    async def _work_of(self, number: int) -> str | None:
        """The lead's work after a round; noted, because the worktree goes on from there."""
        note = self.turns.folder / f"round-{number}"
        if not note.exists():
            work = await self.collect()
            write_whole(note, (work.commit or "") + "\n")
        return note.read_text().strip() or None

    async def _reviewed(
        self, order: WorkOrder, number: int, commit: str
    ) -> tuple[list[PeerReview], list[AgentRun]]:
        reviews: list[PeerReview] = []
        runs: list[AgentRun] = []
        criteria = [Criterion(number=at, text=text) for at, text in enumerate(order.acceptance_criteria, 1)]
        asked = ReviewRequest(
            base=self.base, commit=commit, criteria=criteria, lead=order.agent, round=number, of=self.most
        )
        for at, agent in enumerate(self.turns.agents[1:], 1):
            given = order.model_copy(update={"agent": agent, "review": asked})
            run = await self.turns.take(agent, given, f"review-{number}-{at}")
            dropped = await self._dropped(f"review-{number}-{at}.dropped", commit)
            review = _review_of(run, agent, number, dropped)
            await self.tell(review)
            reviews.append(review)
            runs.append(run)
        return reviews, runs

    async def _dropped(self, name: str, commit: str) -> list[str]:
        """What the reviewer changed, which is taken back; noted before, so that a kill forgets none of it."""
        found, done = self.turns.folder / name, self.turns.folder / f"{name}.done"
        if not done.exists():
            if not found.exists():
                paths = await paths_beside(self.turns.worktree, commit)
                write_whole(found, json.dumps(paths[:_MOST_DROPPED]))
            await put_back(self.turns.worktree, commit)
            write_whole(done, "")
        return json.loads(found.read_text())


def _review_of(run: AgentRun, agent: str, number: int, dropped: list[str]) -> PeerReview:
    # A CLI with an event stream writes its verdict to the result file beside it.
    written = read_result(run.files.result)
    result = written if isinstance(written, WorkResult) else run.result
    if run.result is None or result is None:
        failed = f"The review failed ({run.code}): {run.reason}"[:2000]
        return PeerReview(agent=agent, round=number, failed=True, text=failed, dropped=dropped)
    return PeerReview(
        agent=agent,
        round=number,
        approved=result.approved is True,
        text=result.question or result.summary or run.result.summary,
        dropped=dropped,
    )


def review_event(workflow_id: str, story: str, attempt: int, review: PeerReview) -> EventDraft:
    """Tells of a review, once."""
    return EventDraft(
        key=f"{workflow_id}#review-{attempt}-{review.round}-{review.agent}",
        type=EventType.WORKFLOW_EVENT,
        name="review.made",
        actor=review.agent,
        story=story,
        data={
            "attempt": attempt,
            "round": review.round,
            "approved": review.approved,
            "failed": review.failed,
            "text": review.text[:2000],
            "dropped": review.dropped,
        },
    )


def _with_reviews(lead: AgentRun, reviews: list[PeerReview]) -> AgentRun:
    """The lead's run with what the others said last, for people and for dependants."""
    if lead.result is None or not reviews:
        return lead
    said = [lead.result.summary, *(each.told() for each in reviews)]
    summary = "\n".join(text for text in said if text)[:20_000]
    return replace(lead, result=lead.result.model_copy(update={"summary": summary}))
