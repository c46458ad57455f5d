"""The tables of a `paceline.toml`, each read for itself."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from paceline.errors import ConfigurationError

_Options = TypeVar("_Options", bound=BaseModel)


DECLARATIONS = "paceline.toml"
"""Name of the file."""
TABLES = frozenset(
    {
        *("adjusting", "agents", "calendar", "claims", "completion", "finish", "metrics", "models", "notify"),
        *("proof", "questions", "stories", "worktrees"),
    }
)
"""What a `paceline.toml` can say."""


def require_known_tables(toml_text: str, file: str) -> None:
    """Refuse a file with a table that nobody reads, as a misspelt one.

    Args:
        toml_text: the whole file.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a name at its top that is none of `TABLES`.
    """
    for name in _whole(toml_text, file):
        if name not in TABLES:
            near = difflib.get_close_matches(name, TABLES, 1)
            instead = f"did you mean {near[0]}?" if near else f"it can have {', '.join(sorted(TABLES))}."
            raise ConfigurationError(f"{file}: {name[:200]} is not known; {instead}", file=file, key=name)


def read_declarations(repository: Path) -> str | None:
    """The text of a repository's `paceline.toml`; None where there is none.

    Raises:
        ConfigurationError: it cannot be read as text.
    """
    file = repository / DECLARATIONS
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read as UTF-8 text ({error}); correct it.") from error


def table_of(toml_text: str, name: str, file: str) -> object:
    """What a file says under one name, whatever it is; an empty table where it says nothing.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        name: of the table.
        file: its name, for messages.

    Raises:
        ConfigurationError: the text is not TOML.
    """
    return _whole(toml_text, file).get(name, {})


def _whole(toml_text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(toml_text)
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
