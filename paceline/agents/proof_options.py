"""The table `[proof]` of a repository's `paceline.toml`: what proves stories, who answers for the rest."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from paceline.agents.toml_tables import options_of
from paceline.domain.gates import GatePolicy
from paceline.domain.proof import CriteriaPolicy

Command = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ProofOptions(BaseModel):
    """The repository's defaults; what the person who starts a run says goes before them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checks: tuple[Command, ...] = ()
    """Commands that prove every story, beside its own."""
    criteria: CriteriaPolicy | None = None
    reviewer: str | None = None
    gates: GatePolicy | None = None


def load_proof_options(toml_text: str, file: str = "paceline.toml") -> ProofOptions:
    """The table `[proof]`; the defaults where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(ProofOptions, toml_text, "proof", file)
