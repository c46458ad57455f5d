"""What an agent asks for, and what its story holds when it has ended.

What an agent proposes is hostile until it was checked: it names literal paths inside the repository, and not
too many.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy.orm import Session

from activities.announcing import announce
from activities.context import RunContext
from paceline.contracts import StoryStep
from paceline.domain.arbitration import ForeignEdits
from paceline.domain.claims import ClaimRecord, Grant
from paceline.domain.globs import covers
from paceline.domain.growth import MOST_FILES
from paceline.domain.plan import Story
from paceline.domain.work import WorkOutcome
from paceline.errors import AgentNonsense, Refused
from paceline.plans.lint_files import unsafe
from paceline.settings import Settings
from paceline.store import claims

_FILE = "file:"
_PATH_LIMIT = 1_000


def requested_files(paths: Sequence[str]) -> list[str]:
    """The paths that an agent asks for, each once.

    Raises:
        Refused: one of them is no path of one file inside the repository, or there are too many.
    """
    if len(paths) > MOST_FILES:
        raise Refused(f"At most {MOST_FILES} files can be asked for at once, and these are {len(paths)}.")
    for path in paths:
        reason = _unusable(path)
        if reason:
            raise Refused(
                f"The path `{path[:200]!r}` {reason}; name single files as git does, such as `src/app.py`."
            )
    return list(dict.fromkeys(paths))


def _unusable(path: str) -> str | None:
    if len(path) > _PATH_LIMIT:
        return f"is longer than {_PATH_LIMIT} characters"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "contains a control character"
    if "*" in path or "?" in path:
        return "is a glob"
    if path.endswith("/") or any(part in ("", ".") for part in path.split("/") if path):
        return "is no file"
    return unsafe(path)


def claimed_patterns(session: Session, run: RunContext, story: Story) -> list[str]:
    """Paths and globs that the story holds now: those of the plan, and what its claim has grown by."""
    record = claims.find_claim(session, run.workflow_id(story))
    return held_patterns(record) if record is not None and record.fence is not None else run.patterns(story)


def held_patterns(record: ClaimRecord) -> list[str]:
    """Paths and globs that a claim holds now."""
    return [need.resource.removeprefix(_FILE) for need in record.held if need.resource.startswith(_FILE)]


# The end of an attempt ---

LOST_REPORT: dict[str, Any] = {
    "outcome": WorkOutcome.BLOCKED,
    "code": "CLAIM_LOST",
    "reason": "The story's claim was given to others while the agent worked; it asks for all of it again.",
    "claim_lost": True,
}
"""What a report says of an attempt whose claim was lost, whatever the agent said."""


class Held(NamedTuple):
    """What a story holds at the end of an attempt."""

    lost: bool
    """Its claim gave back everything, or was given to others, while the agent worked."""
    patterns: list[str]
    growth: ForeignEdits
    """The run's rule for more."""
    wished: bool
    """It stands in line for more than it holds."""


def end_of_work(session: Session, run: RunContext, story: Story, fence: int) -> Held:
    """What a story holds when its agent has ended.

    Args:
        session: to read with.
        run: the story's.
        story: whose attempt ended.
        fence: the number it worked under.
    """
    record = claims.find_claim(session, run.workflow_id(story))
    lost = record is None or record.fence != fence or record.state == "released"
    patterns = held_patterns(record) if record is not None else []
    wished = not lost and record is not None and record.state == "waiting"
    return Held(lost, patterns, run.run.options.growth or "allow", wished)


def take_wish_back(session: Session, run: RunContext, story: Story) -> list[Grant]:
    """Leave the line for what was not granted while the agent worked: it ended without it.

    Returns:
        Claims of others that this granted; their holders have to be told.
    """
    grants = claims.reduce_claim(session, run.workflow_id(story), ("",))
    announce(session, grants)
    return grants


def judge_wish(story: Story, paths: Sequence[str], held: Held) -> dict[str, Any]:
    """What a report says of an agent that ends because it needs more files; empty where it has them all."""
    try:
        files = [path for path in requested_files(paths) if not covers(held.patterns, path)]
    except Refused as error:
        return {"outcome": WorkOutcome.FAILED, "code": AgentNonsense.code, "reason": error.message[:2000]}
    if not files:
        return {}
    shown = ", ".join(files[:10]) + (f" and {len(files) - 10} more" if len(files) > 10 else "")
    reason = f"{story.id} needs {shown} beside what it claimed."[:2000]
    if held.growth == "refuse":
        question = f"{reason} This run lets no claim grow: how is it to go on?"
        return {"outcome": WorkOutcome.BLOCKED, "code": "AGENT", "reason": reason, "question": question}
    return {"outcome": WorkOutcome.BLOCKED, "code": "NEEDS_FILES", "reason": reason, "needs_files": files}


# What an agent is given to ask with ---


def claim_token(settings: Settings, claim: str, attempt: int, fence: int) -> str:
    """What an agent brings instead of the API's token: it opens nothing but its own story's claim.

    It is made from the API's token, which workers therefore have to know where one is needed.
    """
    key = settings.api_token.get_secret_value() if settings.api_token else ""
    return hmac.new(key.encode(), f"{claim}\n{attempt}\n{fence}".encode(), hashlib.sha256).hexdigest()


def claim_environment(settings: Settings, run: RunContext, step: StoryStep, fence: int) -> dict[str, str]:
    """The variables with which an agent asks for more files, with `paceline claim` or by itself."""
    project, story = quote(step.project, safe=""), quote(step.story, safe="")
    token = claim_token(settings, run.workflow_id(run.story(step.story)), step.attempt, fence)
    return {
        "PACELINE_CLAIM_URL": f"{settings.base_url}/api/v1/projects/{project}/stories/{story}/claim",
        "PACELINE_CLAIM_ATTEMPT": str(step.attempt),
        "PACELINE_CLAIM_FENCE": str(fence),
        "PACELINE_CLAIM_TOKEN": token,
    }
