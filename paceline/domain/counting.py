"""What Paceline itself counts, for metrics whose words plainly mean just that."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from paceline.domain.aims import Aim, AimKind, comparison_of, fold
from paceline.domain.measurements import Said
from paceline.domain.quantities import with_unit
from paceline.domain.states import SUCCESS_STATES
from paceline.domain.status import StoryStatus

_STORIES = frozenset(
    {"stories completed", "completed stories", "stories done", "story completion", "stories delivered"}
)
_POINTS = frozenset(
    {"points completed", "completed points", "story points completed", "completed story points",
     "story points delivered", "points delivered"}
)  # fmt: skip
_VELOCITY = frozenset({"velocity", "sprint velocity", "team velocity"})
_EXACT = Decimal("0.000001")


def counted(aim: Aim, stories: Sequence[StoryStatus], sprint: str, *, spread: bool = False) -> Said | None:
    """What Paceline counts for an aim; None where its words may mean something else.

    Args:
        aim: of the plan.
        stories: of the whole run, as they stand.
        sprint: the one that ends; a velocity is of one sprint.
        spread: a story is spread over several sprints, so that its points are not those of one.
    """
    target = comparison_of(aim)
    if aim.kind is not AimKind.METRIC or isinstance(target, str):
        return None
    name, unit = fold(aim.name), (target.unit or "").lower()
    if name in _VELOCITY:
        rows = [row for row in stories if row.sprint == sprint]
        return _total(rows, points=True) if unit in ("", "points") and not spread else None
    if name in _STORIES and unit in ("", "stories", "percent"):
        return _share(stories, points=False) if unit == "percent" else _total(stories, points=False)
    if name in _POINTS and unit in ("", "points", "percent"):
        return _share(stories, points=True) if unit == "percent" else _total(stories, points=True)
    return None


def _weigh(rows: Sequence[StoryStatus], *, points: bool) -> tuple[Decimal, Decimal] | None:
    """What is done, and all; None where a story has no points."""
    if not rows or (points and any(row.points is None for row in rows)):
        return None
    weights = [Decimal(repr(row.points)) if points else Decimal(1) for row in rows]
    done = [weight for row, weight in zip(rows, weights, strict=True) if row.state in SUCCESS_STATES]
    return sum(done, Decimal()), sum(weights, Decimal())


def _total(rows: Sequence[StoryStatus], *, points: bool) -> Said | None:
    found = _weigh(rows, points=points)
    return Said(value=with_unit(found[0], None), note=_told(found)) if found else None


def _share(rows: Sequence[StoryStatus], *, points: bool) -> Said | None:
    found = _weigh(rows, points=points)
    if found is None or not found[1]:
        return None
    share = (found[0] * 100 / found[1]).quantize(_EXACT, ROUND_DOWN)
    return Said(value=with_unit(share, None), unit="percent", note=_told(found))


def _told(found: tuple[Decimal, Decimal]) -> str:
    return f"{with_unit(found[0], None)} of {with_unit(found[1], None)}"
