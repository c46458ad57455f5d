"""Which declaration an agent of a plan works by, and how declarations are written in `paceline.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from paceline.agents.presets import preset
from paceline.agents.toml_tables import table_of
from paceline.domain.work import AgentDeclaration
from paceline.errors import ConfigurationError

ANY = "*"
"""The declaration for every agent that has none of its own."""


def declaration_for(agent_name: str, declarations: Mapping[str, AgentDeclaration]) -> AgentDeclaration | None:
    """The declaration of an agent of the plan.

    Its name as written goes first, then its name in another case or spacing, then a declaration with it
    among its roles, in the order they are written; then `*`.
    """
    if agent_name in declarations:
        return declarations[agent_name]
    wanted = _folded(agent_name)
    for name, declaration in declarations.items():
        if _folded(name) == wanted:
            return declaration
    for declaration in declarations.values():
        if wanted in {_folded(role) for role in declaration.roles}:
            return declaration
    return declarations.get(ANY)


def load_declarations(toml_text: str, file: str = "paceline.toml") -> dict[str, AgentDeclaration]:
    """The tables `[agents."Name"]` of a `paceline.toml`.

    A table with `preset = "claude"` (or another ready agent) begins with that and replaces what it names.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: the text is not TOML, or a table is not a declaration; the message names the key.
    """
    agents = table_of(toml_text, "agents", file)
    if not isinstance(agents, dict):
        raise ConfigurationError(f'{file}: `agents` must be tables such as [agents."Name"].', file=file)
    tables = cast("dict[str, object]", agents)
    return {name: _declaration(name, table, file) for name, table in tables.items()}


def _declaration(name: str, table: object, file: str) -> AgentDeclaration:
    key = f'agents."{name}"'
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}: {key} must be a table.", file=file, key=key)
    written = dict(cast("dict[str, Any]", table))
    chosen = written.pop("preset", None)
    try:
        begun = {} if chosen is None else preset(str(chosen)).model_dump(exclude_unset=True)
        found = AgentDeclaration.model_validate(begun | written)
    except ConfigurationError as problem:
        raise ConfigurationError(f"{file}: {key}.preset: {problem.message}", file=file, key=key) from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join([key, *(str(part) for part in first["loc"])])
        raise ConfigurationError(f"{file}: {where}: {first['msg']}.", file=file, key=where) from None
    if found.kind == "command" and not (found.command and found.command[0].strip()):
        raise ConfigurationError(
            f"{file}: {key}.command is missing: list the program and its arguments, or set `preset`.",
            file=file,
            key=f"{key}.command",
        )
    return found


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())
