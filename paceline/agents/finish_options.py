"""The table `[finish]` of a repository's `paceline.toml`: what is done with a sprint's branch at its end."""

from __future__ import annotations

from pydantic import ValidationError

from paceline.agents.toml_tables import options_of
from paceline.domain.finish import FinishOptions
from paceline.domain.status import RunOptions
from paceline.errors import ConfigurationError


def load_finish_options(toml_text: str, file: str = "paceline.toml") -> FinishOptions:
    """The table `[finish]`; nothing happens where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(FinishOptions, toml_text, "finish", file)


def with_finish(options: RunOptions, toml_text: str, file: str = "paceline.toml") -> RunOptions:
    """A run's options with what happens at its sprints' ends: as the repository says, but for its changes.

    Args:
        options: of the request; `finish_changes` is in `finish` afterwards.
        toml_text, file: as for `load_finish_options`.

    Raises:
        ConfigurationError: as there, or a pull request without a push.
    """
    finish = options.finish or load_finish_options(toml_text, file)
    if options.finish_changes is not None:
        try:
            finish = finish.changed(options.finish_changes)
        except ValidationError:
            raise ConfigurationError(
                "A pull request needs a branch that was pushed; give --push, or write `push` into the table "
                f"[finish] of {file}.",
                key="finish",
            ) from None
    return options.model_copy(update={"finish": finish, "finish_changes": None})
