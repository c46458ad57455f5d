"""The table `[notify]` of a repository's `paceline.toml`: who is told that a question waits."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of
from paceline.domain.notifications import NotifyOptions


def load_notify_options(toml_text: str, file: str = "paceline.toml") -> NotifyOptions:
    """The table `[notify]`; nobody is told where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(NotifyOptions, toml_text, "notify", file)
