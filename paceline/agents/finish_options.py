"""The table `[finish]` of a repository's `paceline.toml`: what is done with a sprint's branch at its end."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of
from paceline.domain.finish import FinishOptions


def load_finish_options(toml_text: str, file: str = "paceline.toml") -> FinishOptions:
    """The table `[finish]`; nothing happens where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(FinishOptions, toml_text, "finish", file)
