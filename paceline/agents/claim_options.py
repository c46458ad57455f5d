"""The table `[claims]` of a repository's `paceline.toml`: what stories may change beside their own files."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from paceline.agents.toml_tables import options_of
from paceline.domain.arbitration import ForeignEdits


class ClaimOptions(BaseModel):
    """The repository's defaults; what the person who starts a run says goes before them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreign_edits: ForeignEdits | None = None
    """What happens to stories that change files of other agents."""
    growth: ForeignEdits | None = None
    """What happens to an agent that needs a file beside its story's claim."""


def load_claim_options(toml_text: str, file: str = "paceline.toml") -> ClaimOptions:
    """The table `[claims]`; the defaults where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(ClaimOptions, toml_text, "claims", file)
