"""The settings of this process, with a sentence where one is wrong."""

from __future__ import annotations

from pydantic import ValidationError

from paceline.errors import ConfigurationError
from paceline.settings import Settings


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable has a value that does not fit.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "PACELINE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"The setting {name} is wrong: {first['msg']}.") from error


def make_home(settings: Settings) -> None:
    """Make the folder that everything is kept in.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(
            f"The folder {settings.home} cannot be made ({reason}); name another in PACELINE_HOME."
        ) from error
