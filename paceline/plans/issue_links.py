"""Cells of linked issues, as trackers export them: `is blocked by PAY-2, relates to PAY-3, blocks PAY-9`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.plans.labels import Labels, per_table
from paceline.plans.splitting import split_joined, split_outside
from paceline.plans.table_columns import is_identity


@dataclass(slots=True)
class IssueLinks:
    """What a cell says: the names it waits for, those that wait for it, and the rest as it is written."""

    waits: list[str] = field(default_factory=list[str])
    blocks: list[str] = field(default_factory=list[str])
    others: list[str] = field(default_factory=list[str])


@per_table
def _verb(table: Labels) -> re.Pattern[str]:
    """A verb; the longest word holds, so that `is blocked by` is none of `blocks`."""
    waits, blocks = table.alternation("link.waits", "dependencies"), table.alternation("link.blocks")
    others = table.alternation("link.others")
    return re.compile(
        rf"(?<![\w-])(?:(?P<others>{others})|(?P<waits>{waits})|(?P<blocks>{blocks}))(?![\w-])\s*[:\uff1a]?\s*",
        re.IGNORECASE,
    )


def read_links(cell: str) -> IssueLinks:
    """Divide a cell at its verbs.

    Args:
        cell: links with a verb each, or with one verb for several ids: `is blocked by PAY-2, PAY-4`.

    Returns:
        The links by what they mean. An id without a verb before it says nothing about order, so it is among
        the others, as is what only looks like a list's next name.
    """
    found = IssueLinks()
    verbs = list(_verb().finditer(cell))
    _others(cell[: verbs[0].start()] if verbs else cell, found)
    ends = [*(verb.start() for verb in verbs[1:]), len(cell)]
    for verb, end in zip(verbs, ends if verbs else [], strict=True):
        names = cell[verb.end() : end]
        if verb["others"]:
            _others(f"{verb[0]}{names}", found)
            continue
        first, *rest = [one for part in split_outside(names, ",;") for one in split_joined(part)] or [""]
        known = [first, *filter(_is_key, rest)] if first else []
        (found.waits if verb["waits"] else found.blocks).extend(known)
        found.others.extend(name for name in rest if not _is_key(name))
    return found


def _others(text: str, found: IssueLinks) -> None:
    bare = text.strip(" ,;")
    if bare:
        found.others.append(bare)


def _is_key(name: str) -> bool:
    """Whether a name is an issue's key, and not another verb with one."""
    return " " not in name and is_identity(name)
