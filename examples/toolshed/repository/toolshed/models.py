"""What the shed is about: tools and loans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


class ShedError(Exception):
    """Something a neighbour asked for that cannot be done; the text says why."""


@dataclass(frozen=True)
class Tool:
    """One thing on a shelf. `late_cents` is what a day of delay costs."""

    code: str
    name: str
    tags: tuple[str, ...] = ()
    late_cents: int = 50


@dataclass(frozen=True)
class Loan:
    """A tool in a neighbour's hands; `returned` is None until it is back."""

    code: str
    member: str
    lent: date
    due: date
    returned: date | None = None
