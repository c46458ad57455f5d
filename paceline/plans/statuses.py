"""Whether a status says that the work is done."""

from __future__ import annotations

import re

from paceline.plans.fields import normal
from paceline.plans.findings import Code
from paceline.plans.folding import folded
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.marks import without_pictures
from paceline.plans.reading import Reading

_DONE, _OPEN = Words("value.done"), Words("value.open")


@per_table
def _begins_done(table: Labels) -> re.Pattern[str]:
    return re.compile(rf"^(?:{table.alternation('value.done')})(?![-\w])")


def is_done(status: str) -> bool | None:
    """Whether a status says so; more may follow its first words. None where no word is known."""
    bare = without_pictures(status)
    if bare in _OPEN:
        return False
    if bare in _DONE or _begins_done().match(folded(bare)):
        return True
    return None


def is_state(text: str) -> bool:
    """Whether all of a text is a word for a state of work."""
    bare = without_pictures(text)
    return bare in _OPEN or bare in _DONE


def done_of(status: str | None, line: int | None, reading: Reading) -> bool | None:
    """Whether a status says that the work is done; None, with a remark, where it is no known word."""
    if status is None:
        return None
    bare = without_pictures(status)
    if bare in _DONE or bare in _OPEN:
        return bare in _DONE
    if normal(status):
        reading.warn(
            Code.STATUS_NOT_UNDERSTOOD,
            f"The status `{status}` is none of the known words, so whether the task is done is not known.",
            "Write `done`, `pending` or `in-progress`.",
            line or 1,
        )
    return None
