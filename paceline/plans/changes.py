"""What a story says about whether its work has to change a file."""

from __future__ import annotations

import re

from paceline.domain.plan import Story, StoryChange
from paceline.plans.fields import Field
from paceline.plans.findings import Code
from paceline.plans.folding import plain_signs
from paceline.plans.labels import Meanings, Words
from paceline.plans.reading import Reading

CHANGE_LABELS = Meanings({"change": "change", "no_change": "no_change"})
"""The labels that say it, each with the name of its concept."""
_NONE = Words("value.no", "value.no_change")
_NEEDED = Words("value.yes")
_RIGHT = Words("value.yes", "value.allowed")
_WRONG = Words("value.no")
_REMARK = re.compile(r"\s*(?:[,;:(]|\u3002|\. | [-\u2013\u2014] ).*", re.DOTALL)
"""A reason behind the answer, as in `none expected (it is measured only)`."""


def change_of(label: str, value: str) -> StoryChange | None:
    """What a label of `CHANGE_LABELS` and its value say; None where the words are not known.

    Args:
        label: the name of its concept; `no_change` turns the answer around, and says it by itself.
    """
    whole = plain_signs(value).strip(" .")
    for said in (whole, _REMARK.sub("", whole)):
        if label == "no_change" and (said in _RIGHT or not whole):
            return "optional"
        if label == "no_change" and said in _WRONG:
            return "required"
        if label == "change" and said in _NONE:
            return "optional"
        if label == "change" and said in _NEEDED:
            return "required"
    return None


def read_change(story: Story, entry: Field, label: str, reading: Reading) -> None:
    """Read such a label of a story; words beside the answer, or instead of one, are kept."""
    found = change_of(label, entry.value)
    story.change = found or story.change
    if found is None:
        reading.warn(
            Code.CHANGE_NOT_UNDERSTOOD,
            f"`{entry.label}: {entry.value}` of `{story.id}` does not say whether it may change nothing, so "
            "it has to change something.",
            "Write `Change: none expected` or `Change: required`.",
            entry.line,
        )
    if found is None or entry.bullets or _REMARK.search(plain_signs(entry.value)):
        reading.keep_field(story.id, entry)
