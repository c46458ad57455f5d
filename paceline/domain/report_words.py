"""The words and tables of reports in markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def bullets(heading: str, entries: Sequence[str], *, always: bool = False) -> list[str]:
    """A heading with a list under it; nothing where there are no entries, unless it is always there."""
    if not entries and not always:
        return []
    return [f"## {one_line(heading)}", "", *(f"- {one_line(each)}" for each in entries), ""]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; nothing where it has no rows."""
    if not rows:
        return []
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in lines), ""]


def counts(found: Mapping[str, int]) -> str:
    """`2 passed, 1 failed`."""
    return ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in found.items()) or "none"


def fact(value: object) -> str:
    """A number, a text, counts or names."""
    if isinstance(value, float | int):
        return number(value)
    if isinstance(value, dict):
        return counts(value)  # pyright: ignore[reportUnknownArgumentType] - facts hold counts only
    if isinstance(value, list):
        return names(value)  # pyright: ignore[reportUnknownArgumentType] - facts hold names only
    return str(value) if value is not None else "-"


def number(value: float | None) -> str:
    """With two digits at most; `-` where it is not known."""
    return "-" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def amount(value: float, unit: str) -> str:
    """A number with its unit."""
    return f"{number(value)} {unit[:-1] if value == 1 and unit == 'points' else unit}"


def span(least: float | None, most: float | None) -> str:
    """From least to most; one number where they are the same."""
    return number(most) if least == most else f"{number(least)} to {number(most)}"


def counted(count: int, one: str, several: str) -> str:
    """`1 story`, `2 stories`."""
    return f"{count} {one if count == 1 else several}"


def names(found: Sequence[str]) -> str:
    """Separated by commas; `none` where there are none."""
    return ", ".join(found) or "none"


def one_line(text: str) -> str:
    """On one line, so that a text of the plan is no markdown of its own."""
    return " ".join(text.split())


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")
