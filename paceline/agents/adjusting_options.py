"""The table `[adjusting]` of a repository's `paceline.toml`: late sprints, ahead sprints and lost agents."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of
from paceline.domain.status import AdjustingOptions, RunOptions


def load_adjusting_options(toml_text: str, file: str = "paceline.toml") -> AdjustingOptions:
    """The table `[adjusting]`; it says nothing where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(AdjustingOptions, toml_text, "adjusting", file)


def with_adjusting(options: RunOptions, table: AdjustingOptions) -> RunOptions:
    """A run's options with what the repository says of late sprints and lost agents, if they say nothing."""
    said = {name: getattr(options, name) for name in AdjustingOptions.model_fields}
    missing = {name: getattr(table, name) for name, value in said.items() if value is None}
    return options.model_copy(update=missing)
