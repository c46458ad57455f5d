"""The list of users as settings and a file say it, read again when the file changes."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from paceline.domain import ids
from paceline.domain.access import PEOPLE, Role
from paceline.domain.model import Model
from paceline.domain.users import Grant, UserEntry, UserList
from paceline.errors import ConfigurationError
from paceline.settings import Settings

_Stamp = tuple[int, int, int]

log = logging.getLogger(__name__)


class UsersFile(Model):
    """What `PACELINE_USERS_FILE` holds."""

    users: list[UserEntry] = Field(default_factory=list[UserEntry])


class AllowList:
    """Who may come in, now.

    A file that cannot be read any more keeps out everybody whom it would have to name.

    Args:
        settings: name the users, or the file.

    Raises:
        ConfigurationError: a setting or the file is wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = settings.users_file
        self._named = [UserEntry(who=who) for who in split(settings.allowed_users)]
        self._groups = _roles(settings.oidc_roles)
        self._default = _role(settings.oidc_default_role, "PACELINE_OIDC_DEFAULT_ROLE")
        self._stamp: _Stamp | None = None
        self._users: UserList | None = None
        if self._file is not None:
            self._stamp = _stamp(self._file)
        self._users = self._read()

    def refusal(self, known_as: Iterable[str]) -> str:
        """Why somebody may not come in; empty: they may.

        Args:
            known_as: the names and addresses under which the list may have them.
        """
        names = [name for name in known_as if name]
        users = self._current()
        if users is None:
            return "The list of users cannot be read at present, so nobody of it is let in; tell an admin."
        if users.lists(names):
            return ""
        return (
            f"{names[0] if names else 'Somebody without a name'} is not on the list of users; ask an admin."
        )

    def grant(self, known_as: Sequence[str], groups: Iterable[str]) -> Grant | None:
        """What a person whom a provider vouches for may do; None: nothing."""
        users = self._current()
        return users.grant(known_as, groups) if users is not None else None

    def _current(self) -> UserList | None:
        if self._file is None:
            return self._users
        stamp = _stamp(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._users = self._read()
            except ConfigurationError as error:
                self._users = None
                log.error("Nobody on the list of users is let in: %s", error.message)
        return self._users

    def _read(self) -> UserList:
        listed = read_users(self._file) if self._file is not None else []
        if self._file is not None and not listed and not self._named:
            raise ConfigurationError(f"{self._file} names no user; add a [[users]] table with `who`.")
        return UserList([*self._named, *listed], self._groups, self._default)


def read_users(file: Path) -> list[UserEntry]:
    """The entries of a file.

    Raises:
        ConfigurationError: it cannot be read, or has something else in it.
    """
    try:
        return parse_users(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"The list of users {file} cannot be read ({error}); correct PACELINE_USERS_FILE."
        ) from error


def parse_users(text: str, name: str) -> list[UserEntry]:
    """The entries of a file's text; projects become their ids.

    Raises:
        ConfigurationError: it has something else in it.
    """
    try:
        found = UsersFile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{name}: {where}: {first['msg']}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name} is not TOML: {error}.") from error
    for entry in found.users:
        if entry.role is Role.AGENT:
            raise ConfigurationError(
                f"{name}: {entry.who} cannot be an agent; take one of {', '.join(PEOPLE)}."
            )
    return [
        entry.model_copy(update={"projects": [ids.title_slug(each) for each in entry.projects]})
        for entry in found.users
    ]


def split(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _roles(text: str) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for part in split(text):
        group, equals, name = (each.strip() for each in part.rpartition("="))
        role = _role(name, "PACELINE_OIDC_ROLES") if equals else None
        if not group or role is None:
            raise ConfigurationError(
                f"PACELINE_OIDC_ROLES: {part!r} is no group=role; write such as devs=operator,leads=admin."
            )
        found[group] = role
    return found


def _role(name: str | None, setting: str) -> Role | None:
    if not name:
        return None
    if name not in PEOPLE:
        raise ConfigurationError(f"{setting}: {name!r} is no role; take one of {', '.join(PEOPLE)}.")
    return Role(name)


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
