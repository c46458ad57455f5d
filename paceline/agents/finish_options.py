"""The table `[finish]` of a repository's `paceline.toml`: what is done with a sprint's branch at its end."""

from __future__ import annotations

import tomllib

from pydantic import ValidationError

from paceline.domain.finish import FinishOptions
from paceline.errors import ConfigurationError


def load_finish_options(toml_text: str, file: str = "paceline.toml") -> FinishOptions:
    """The table `[finish]`; nothing happens where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    try:
        return FinishOptions.model_validate(tomllib.loads(toml_text).get("finish", {}))
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{file} is not TOML: {problem}.", file=file) from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("finish", *first["loc"]))
        raise ConfigurationError(f"{file}: {where}: {first['msg']}.", file=file, key=where) from None
