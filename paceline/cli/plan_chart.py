"""Bars and lanes of characters: the distribution of a forecast, and who does what when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from paceline.cli.terminal import printable
from paceline.domain.forecast_report import Bin, Placed

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NARROW = 3
"""Columns from which a story has a border and a label."""


def bar(share: float, width: int) -> str:
    """A bar of a share of a width; what is more than nothing is seen."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8)
    eighths = max(eighths, 1) if share > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def histogram(bins: Sequence[Bin], width: int) -> Iterator[tuple[str, str, str, str]]:
    """For each bin its days, a bar, its share of the rounds and the share up to its end."""
    total = sum(each.rounds for each in bins)
    most = max(each.rounds for each in bins)
    so_far = 0
    for each in bins:
        so_far += each.rounds
        yield (
            f"{each.start:g} to {each.end:g}",
            bar(each.rounds / most, width),
            percent(each.rounds / total),
            percent(so_far / total),
        )


def percent(share: float) -> str:
    """A share for people: what is neither none nor all does not look so."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def lanes(schedule: Sequence[Placed], nobody: str) -> list[tuple[str, list[Placed]]]:
    """Rows in which no story covers another: one for each agent, more where it does several at once."""
    rows: dict[str, list[list[Placed]]] = {}
    for story in schedule:
        for agent in story.agents or [nobody]:
            own = rows.setdefault(agent, [])
            free = next((row for row in own if row[-1].end <= story.start), None)
            if free is None:
                own.append([story])
            else:
                free.append(story)
    return [
        (agent if number == 0 else "", row) for agent, own in rows.items() for number, row in enumerate(own)
    ]


def lane(stories: Iterable[Placed], days: float, width: int) -> str:
    """One row: every story from its start to its end, on a scale of so many columns."""
    row = [" "] * width
    for story in stories:
        first = round(story.start / days * width)
        last = max(first + 1, round(story.end / days * width))
        row[first:last] = _block(story.story, last - first)
    return "".join(row[:width]).rstrip()


def scale(days: float, width: int, step: float) -> str:
    """The days above the lanes."""
    row = [" "] * (width + 8)
    day = 0.0
    while day <= days + 1e-9:
        at = round(day / days * width)
        row[at : at + len(f"{day:g}")] = f"{day:g}"
        day += step
    return "".join(row).rstrip()


def _block(name: str, width: int) -> str:
    """A story between its borders, with as much of its id as tells it from others; without room, a bar."""
    if width < _NARROW:
        return "█" * width
    room = width - 2
    whole = " ".join(printable(name).split())
    labels = (whole, *whole.split()[-1:], *whole.replace("-", " ").split()[-1:], "")
    return f"├{next(label for label in labels if len(label) <= room).center(room, '─')}┤"
