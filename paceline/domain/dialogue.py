"""What is said to a model and what it says."""

from __future__ import annotations

from typing import Literal

from paceline.domain.model import Frozen


class Turn(Frozen):
    """One message of a dialogue with a model."""

    role: Literal["system", "user", "assistant"]
    text: str
