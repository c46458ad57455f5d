"""Readable, safe and stable names from hostile text: slugs, workflow ids, branches, question ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata

SLUG_LIMIT = 48
_DIGEST_LENGTH = 8


def short_digest(text: str) -> str:
    """The first eight hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]


def slug(text: str, limit: int = SLUG_LIMIT) -> str:
    """A name of `[a-z0-9.-]` that is safe in a workflow id, a git ref, a path and a URL.

    Args:
        text: anything a plan may write.
        limit: the longest result in characters; at least 16.

    Returns:
        The readable part. Where characters other than blanks, case and common punctuation were lost, or the
        text was too long, a digest of the original is appended. Only ids that differ in nothing but case,
        blanks and hyphens share a slug; the linter calls those duplicates.
    """
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9.]+", "-", folded.lower())
    # Git refuses "..", a leading or trailing dot, and ".lock" at the end of a ref's component.
    plain = re.sub(r"\.{2,}", ".", plain).strip("-.")
    faithful = re.fullmatch(r"[A-Za-z0-9]+(?:[ .\-][A-Za-z0-9]+)*", text) is not None
    if faithful and len(plain) <= limit and not plain.endswith(".lock"):
        return plain
    room = limit - _DIGEST_LENGTH - 1
    head = plain[:room].strip("-.")
    return f"{head}-{short_digest(text)}" if head else short_digest(text)


def title_slug(text: str) -> str:
    """A slug of a title, for display only: punctuation is dropped and nothing is appended."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")
    return plain[:SLUG_LIMIT].strip("-") or short_digest(text)


def project_id(name: str, run_number: int = 1) -> str:
    """The id of one run of a project, which is also its workflow id."""
    base = title_slug(name)
    return base if run_number == 1 else f"{base}-run-{run_number}"


def sprint_workflow_id(project: str, sprint: str) -> str:
    """`webrtc/sprint-1`."""
    return f"{project}/{slug(sprint)}"


def clock_workflow_id(project: str, sprint: str) -> str:
    """`webrtc/sprint-1@clock`; no slug has that sign, so it is no epic's."""
    return f"{sprint_workflow_id(project, sprint)}@clock"


def epic_workflow_id(project: str, sprint: str, epic: str) -> str:
    """`webrtc/sprint-1/epic-2`."""
    return f"{sprint_workflow_id(project, sprint)}/{slug(epic)}"


def story_workflow_id(project: str, sprint: str, epic: str, story: str) -> str:
    """`webrtc/sprint-1/epic-2/story-2.2`."""
    return f"{epic_workflow_id(project, sprint, epic)}/{slug(story)}"


def absence_workflow_id(project: str, agent: str, id: str) -> str:
    """`webrtc@absence/3f2a/builder`."""
    return f"{project}@absence/{slug(id)}/{slug(agent)}"


def measures_workflow_id(project: str, sprint: str) -> str:
    """`webrtc@measures/sprint-1`; without a sprint what all of them begin with."""
    return f"{project}@measures/{slug(sprint) if sprint else ''}"


def rollback_workflow_id(project: str, number: int) -> str:
    """`webrtc/rollback/1`; the epic `1` of a sprint called `rollback` would have it too."""
    return f"{project}/rollback/{number}"


def sprint_branch(project: str, sprint: str) -> str:
    """The branch that a sprint's stories are merged to, without `refs/heads/`."""
    return f"paceline/{project}/{slug(sprint)}"


def attempt_branch(project: str, story: str, attempt: int) -> str:
    """The branch of one attempt; another prefix than the sprint's, as git keeps branches like folders."""
    return f"paceline-work/{project}/{slug(story)}/attempt-{attempt}"


def preserved_ref(project: str, story: str, attempt: int) -> str:
    """The full ref under which an attempt's leftovers are kept."""
    return f"refs/paceline/preserved/{project}/{slug(story)}/{attempt}"


def question_id(workflow_id: str, number: int) -> str:
    """A short, typeable, stable id: the story's slug and a digest of the workflow id with the number."""
    last = workflow_id.rsplit("/", 1)[-1]
    return f"{last}-q{number}-{short_digest(f'{workflow_id}#{number}')[:4]}"
