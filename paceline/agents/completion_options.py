"""The table `[completion]` of a repository's `paceline.toml`: when a run counts as completed."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of, table_of
from paceline.domain.status import CompletionOptions


def load_completion_options(toml_text: str, file: str = "paceline.toml") -> CompletionOptions | None:
    """The table `[completion]`; None where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    if not table_of(toml_text, "completion", file):
        return None
    return options_of(CompletionOptions, toml_text, "completion", file)
