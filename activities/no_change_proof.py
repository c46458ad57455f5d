"""An attempt that changed nothing, where its story allows that: proven on the branch's head, without a merge.

Nothing moves, so it takes no place in the merge line: it stands in the branch's history right after the head
that its checks ran on, whatever is merged meanwhile.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from activities.branch_heads import BranchHead
from activities.candidates import Landing
from activities.context import ActivityContext, RunContext
from activities.no_change import EMPTY_DIFF, record_no_change, recorded_no_change
from paceline.contracts import LandReport
from paceline.domain.states import StoryState
from paceline.vcs.merge import Candidate

_NOTHING_CHANGED = "No file is changed."


async def prove_unchanged(context: ActivityContext, branch: BranchHead, landing: Landing) -> LandReport:
    """Run the story's commands in a clean checkout of the branch's head; a repeat finds how it ended.

    Returns:
        `unchanged` where it is proven and recorded; else what is missing, with the head in `checked`.

    Raises:
        StaleFence: the attempt was replaced.
        RepositoryError: git refused.
    """
    before = await context.database.read(recorded_no_change, branch.run, landing.story)
    if before is not None:
        return before
    refusal = _refusal(landing)
    if refusal:
        return LandReport(verified=False, code=EMPTY_DIFF, reason=refusal)
    head = await branch.find()
    await context.database.write(_begin, landing)
    report = await landing.proof.establish(Candidate(head, head), for_people=False)
    report = report.model_copy(update={"checked": head, "diff_summary": _NOTHING_CHANGED})
    if not report.verified or report.unproven or landing.step.verify_only:
        return report
    return await context.database.write(_record, branch.run, landing, report)


def _refusal(landing: Landing) -> str:
    """Why an attempt without a change cannot be done; empty where it can."""
    story = landing.story
    if story.change != "optional":
        return f"The agent says that {story.id} is done and changed nothing."
    if landing.proof.empty:
        return (
            f"{story.id} may change nothing, but has neither a check nor a criterion, so that nothing proves "
            "that it is done; add one to the plan, or default checks to paceline.toml."
        )
    return ""


def _begin(session: Session, landing: Landing) -> None:
    landing.check_holder(session)
    landing.show(session, StoryState.VERIFYING, "is checked without a change")


def _record(session: Session, run: RunContext, landing: Landing, report: LandReport) -> LandReport:
    """Under the locked row of its claim: a replaced holder settles nothing."""
    landing.check_holder(session)
    step = landing.step
    return record_no_change(session, run, landing.story, report, step.fence, step.attempt)
