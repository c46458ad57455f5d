"""The table `[metrics]` of a repository's `paceline.toml`: what measures a plan's aims, and who is asked."""

from __future__ import annotations

from paceline.agents.toml_tables import options_of
from paceline.domain.metric_rules import MetricsOptions


def load_metrics_options(toml_text: str, file: str = "paceline.toml") -> MetricsOptions:
    """The table `[metrics]`; the defaults where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(MetricsOptions, toml_text, "metrics", file)
