"""The table `[calendar]` of a repository's `paceline.toml`: what a day of a sprint is."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of, table_of
from paceline.domain.calendar import CalendarOptions


def load_calendar_options(toml_text: str, file: str = "paceline.toml") -> CalendarOptions | None:
    """The table `[calendar]`; None where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    if not table_of(toml_text, "calendar", file):
        return None
    return options_of(CalendarOptions, toml_text, "calendar", file)
