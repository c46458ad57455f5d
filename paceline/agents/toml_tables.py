"""The tables of a `paceline.toml`, each read for itself."""

from __future__ import annotations

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from paceline.errors import ConfigurationError

_Options = TypeVar("_Options", bound=BaseModel)


def table_of(toml_text: str, name: str, file: str) -> object:
    """What a file says under one name, whatever it is; an empty table where it says nothing.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        name: of the table.
        file: its name, for messages.

    Raises:
        ConfigurationError: the text is not TOML.
    """
    try:
        return tomllib.loads(toml_text).get(name, {})
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{file} is not TOML: {problem}.", file=file) from None


def options_of(options: type[_Options], toml_text: str, name: str, file: str) -> _Options:
    """A table as options; their defaults where there is no such table.

    Args:
        options: the model that the table must fit.
        toml_text, name, file: as for `table_of`.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    try:
        return options.model_validate(table_of(toml_text, name, file))
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in (name, *first["loc"]))
        raise ConfigurationError(f"{file}: {where}: {first['msg']}.", file=file, key=where) from None
