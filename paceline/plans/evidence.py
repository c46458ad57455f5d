"""How surely a document is in a reader's format."""

from __future__ import annotations

from dataclasses import dataclass, field

ENOUGH = 2.0
"""The score below which a document is not in the format."""
CERTAIN = 100.0
"""The score of a document that can be in no other format."""


@dataclass(slots=True)
class Evidence:
    """A score with the reasons for it; the reader with the highest score reads the document."""

    score: float = 0.0
    reasons: list[str] = field(default_factory=list[str])

    def add(self, score: float, reason: str) -> None:
        """Add something that was found."""
        self.score += score
        self.reasons.append(reason)
