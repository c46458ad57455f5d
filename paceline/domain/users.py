"""Who of all people may come in, and as what: the list of users, and the roles of groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import Field

from paceline.domain.access import PEOPLE, Role
from paceline.domain.model import Model


class UserEntry(Model):
    """One line of the list: a name, an e-mail address, or a pattern of them."""

    who: str = Field(min_length=1, max_length=320)
    """`*` stands for anything but an @; alone, for everybody."""
    role: Role | None = None
    """Of who signs in by OIDC; a token has its own. None: as their groups, or the default, say."""
    projects: list[str] = Field(default_factory=list[str])
    """What who signs in by OIDC is limited to; none: not limited."""

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for more than one."""
        return "*" in self.who

    def matches(self, name: str) -> bool:
        """Whether it stands for this name or address; capitals do not count."""
        if self.who == "*":
            return True
        parts = (re.escape(part) for part in without_capitals(self.who).split("*"))
        return re.fullmatch(r"[^@]*".join(parts), without_capitals(name)) is not None


def without_capitals(text: str) -> str:
    """A name as it is compared; two that are written with different letters stay different.

    Unicode's own folding makes `k` of the Kelvin sign, `s` of the long s and `ss` of `ß`, so that somebody
    who chose such a name would be taken for somebody else.
    """
    return "".join(map(_without_capital, text))


def _without_capital(letter: str) -> str:
    small = letter.casefold()
    changed = not letter.isascii() and any(each.isascii() for each in small)
    return letter if changed else small


class Grant(NamedTuple):
    """What somebody may do."""

    role: Role
    projects: frozenset[str] | None
    """None: all."""


@dataclass(frozen=True)
class UserList:
    """The list, and what groups are.

    Args:
        entries: who may come in; none: the list keeps nobody out.
        groups: the role of a provider's group.
        default: the role of who has none by the list or a group.
    """

    entries: Sequence[UserEntry] = ()
    groups: Mapping[str, Role] = field(default_factory=dict[str, Role])
    default: Role | None = None

    def find(self, known_as: Iterable[str]) -> UserEntry | None:
        """The entry of somebody: one that names them before a pattern, else the first."""
        names = [name for name in known_as if name]
        found = [entry for entry in self.entries if any(entry.matches(name) for name in names)]
        return next((entry for entry in found if not entry.is_pattern), found[0] if found else None)

    def lists(self, known_as: Iterable[str]) -> bool:
        """Whether somebody may come in, as far as the list says."""
        return not self.entries or self.find(known_as) is not None

    def grant(self, known_as: Iterable[str], groups: Iterable[str]) -> Grant | None:
        """What a person of a provider may do; None: they have no role.

        Args:
            known_as: name and addresses.
            groups: the provider's, of whose roles the highest holds unless the list names one.
        """
        entry = self.find(known_as)
        role = entry.role if entry else None
        if role is None:
            roles = [self.groups[group] for group in groups if group in self.groups]
            role = max(roles, key=PEOPLE.index) if roles else self.default
        projects = frozenset(entry.projects) if entry else frozenset[str]()
        return Grant(role, projects or None) if role is not None else None
