"""Which runs' artifacts go when there are too many of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from paceline.domain.model import Frozen


class KeptArtifacts(Frozen):
    """What is kept of one run."""

    project: str
    bytes: int
    ended_at: datetime | None = None
    """None: it goes on."""


def over_size(kept: Iterable[KeptArtifacts], limit: int) -> list[str]:
    """The runs whose artifacts go for the rest to be at most `limit` bytes.

    Args:
        kept: of all runs.
        limit: in bytes, which those of runs that go on count towards as well.

    Returns:
        Runs that ended, the one that ended first in front; no more of them than needed. What is left may be
        more than the limit all the same: nothing of a run that goes on is taken.
    """
    every = list(kept)
    too_much = sum(each.bytes for each in every) - limit
    ended = [(each.ended_at, each.project, each.bytes) for each in every if each.ended_at is not None]
    found: list[str] = []
    for _, project, size in sorted(ended):
        if too_much <= 0:
            break
        if size:
            found.append(project)
            too_much -= size
    return found
