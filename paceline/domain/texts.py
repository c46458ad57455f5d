"""Long texts on one line."""

from __future__ import annotations


def short(text: str, width: int) -> str:
    """A text on one line, cut at a word where it is too long; an ellipsis says so.

    Args:
        text: any.
        width: the most characters of the result.
    """
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    cut = line[: width - 1]
    if line[width - 1] != " " and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip() + "…"


def called(kind: str, id: str) -> str:
    """What a part of a plan is called in a sentence: `Sprint 1`, for the id `1` as for `Sprint 1`.

    Args:
        kind: such as `Sprint`.
        id: as the plan writes it.
    """
    return id if id.casefold().startswith(f"{kind.casefold()} ") else f"{kind} {id}"
