"""The words by which contingency entries say whether they are for a sprint that is late, or ahead."""

from __future__ import annotations

import re

from paceline.domain.scope import ScopeWords
from paceline.plans.labels import Labels, per_table


@per_table
def scope_words(table: Labels) -> ScopeWords:
    """In all languages of the table."""
    return ScopeWords(
        late=_any_of(table, "scope.late"),
        ahead=_any_of(table, "scope.ahead"),
        defer=_any_of(table, "scope.defer"),
        simplify=_any_of(table, "scope.simplify"),
    )


def _any_of(table: Labels, concept: str) -> re.Pattern[str]:
    # Chinese has no blanks, so only a Latin letter in front keeps a word from being meant.
    return re.compile(rf"(?<![a-z0-9_\u00c0-\u024f])(?:{table.alternation(concept)})", re.IGNORECASE)
