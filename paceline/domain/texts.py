"""Long texts on one line, and texts that every database and every reader takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What no text of UTF-8 has, and a NUL, which PostgreSQL does not keep."""


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


def storable(data: dict[str, Any]) -> dict[str, Any]:
    """What JSON says, with escapes in place of what is no text: halves of surrogate pairs, and NUL.

    One such character, as in the words of a hostile agent, would otherwise keep everybody from reading what
    it is stored with.
    """
    written = json.dumps(data)
    if "\\ud" not in written and "\\u0000" not in written:
        return data
    return cast(dict[str, Any], _storable(data))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return _UNSTORABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    if isinstance(value, Mapping):
        each = cast(Mapping[str, object], value)
        return {str(_storable(name)): _storable(held) for name, held in each.items()}
    if isinstance(value, list | tuple):
        return [_storable(held) for held in cast(list[object], value)]
    return value
