"""Of too many artifacts the oldest ended runs' go, never one's that goes on, and no more than needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.retention import KeptArtifacts, over_size

START = datetime(2026, 11, 1, tzinfo=UTC)
ends = st.none() | st.integers(0, 5).map(lambda days: START + timedelta(days=days))
kept = st.lists(st.tuples(st.integers(0, 100), ends), max_size=12).map(
    lambda found: [
        KeptArtifacts(project=f"run-{at}", bytes=size, ended_at=end) for at, (size, end) in enumerate(found)
    ]
)


@given(kept, st.integers(0, 600))
def test_only_ended_ones_the_oldest_first_and_no_more_than_needed(
    found: list[KeptArtifacts], limit: int
) -> None:
    gone = over_size(found, limit)
    of = {each.project: each for each in found}
    left = sum(each.bytes for each in found if each.project not in gone)
    ended = [of[name].ended_at for name in gone]
    assert all(end is not None for end in ended)
    assert ended == sorted(end for end in ended if end is not None)
    others = [each for each in found if each.project not in gone and each.ended_at is not None and each.bytes]
    assert left <= limit or not others
    assert not gone or left + of[gone[-1]].bytes > limit
