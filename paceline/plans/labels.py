"""What the words of a plan mean in several languages: the table `labels.toml`, and how readers ask it.

A concept is a block of the table. `Meanings` and `Words` are what readers keep of it: the concepts that can
stand in one place. `per_table` is for whatever is built from the words, such as a pattern.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar, cast, get_args

from paceline.plans.folding import folded, normal, plain_signs, split_parenthesis

_T = TypeVar("_T")
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")

Concept = Literal[
    "stories",
    "deliverables",
    "success_criteria",
    "definition_of_done",
    "definition_of_ready",
    "risks",
    "mitigations",
    "metrics",
    "contingency",
    "goal",
    "objective",
    "duration",
    "sprint_length",
    "capacity",
    "points",
    "team",
    "project",
    "lead",
    "ceremonies",
]


class Labels:
    """One table of words.

    Args:
        table: concept to language to words; a block in a block is a concept with a dot in its name.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._rows: dict[str, dict[str, tuple[str, ...]]] = {}
        self._read(table, "")
        self._forms = {
            concept: frozenset(normal(word) for row in rows.values() for word in row)
            for concept, rows in self._rows.items()
        }
        self.built: dict[Callable[[Labels], Any], Any] = {}
        """What `per_table` built from this table."""

    def words(self, *concepts: str) -> tuple[str, ...]:
        """The words of concepts in all languages, as the table has them."""
        return tuple(
            dict.fromkeys(word for each in concepts for row in self.rows(each).values() for word in row)
        )

    def forms(self, *concepts: str) -> frozenset[str]:
        """The same in the form in which they are compared."""
        return frozenset[str]().union(*(self._forms.get(concept, frozenset()) for concept in concepts))

    def rows(self, concept: str) -> dict[str, tuple[str, ...]]:
        """The words of a concept by language."""
        return self._rows.get(concept, {})

    def concepts(self, under: str) -> list[str]:
        """The names of the concepts in a block of blocks, such as `topic`."""
        return [concept for concept in self._rows if concept.startswith(f"{under}.")]

    def alternation(self, *concepts: str) -> str:
        """A pattern that matches any of the words, the longest first, with accents or without.

        A word must not go on with another letter; Chinese has no blanks, so its words may.
        """
        forms = dict.fromkeys(form for word in self.words(*concepts) for form in (word, folded(word)) if form)
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return "|".join(map(_closed, longest_first)) or "(?!)"

    def between(self, *concepts: str) -> str:
        """A pattern for words and signs between two others; a word of letters has blanks around it."""
        forms = dict.fromkeys(form for word in self.words(*concepts) for form in (word, folded(word)))
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return "|".join(
            rf"\s+{re.escape(form)}\s+"
            if form[0].isalpha() and not _CJK.match(form)
            else rf"\s*{re.escape(form)}\s*"
            for form in longest_first
        )

    def _read(self, table: Mapping[str, Any], above: str) -> None:
        for name, block in table.items():
            rows = {
                language: tuple(cast("list[str]", row))
                for language, row in block.items()
                if isinstance(row, list)
            }
            if rows:
                self._rows[f"{above}{name}"] = rows
            self._read({key: row for key, row in block.items() if isinstance(row, dict)}, f"{above}{name}.")


def table_text() -> str:
    """The table as it is shipped."""
    return files("paceline.plans").joinpath("labels.toml").read_text(encoding="utf-8")


def read_labels(text: str) -> Labels:
    """Read a table.

    Args:
        text: TOML in the form of `labels.toml`.
    """
    return Labels(tomllib.loads(text))


@cache
def _shipped() -> Labels:
    return read_labels(table_text())


_IN_USE: ContextVar[Labels | None] = ContextVar("labels", default=None)


def labels() -> Labels:
    """The table in use."""
    return _IN_USE.get() or _shipped()


@contextmanager
def using(table: Labels) -> Generator[None]:
    """Read with another table."""
    token = _IN_USE.set(table)
    try:
        yield
    finally:
        _IN_USE.reset(token)


def per_table(build: Callable[[Labels], _T]) -> Callable[[], _T]:
    """Make a function of the table one that builds once for each table."""

    def built() -> _T:
        made = labels().built
        try:
            return made[build]
        except KeyError:
            return made.setdefault(build, build(labels()))

    return built


class Words(Set[str]):
    """The words of some concepts as a set: `text in NOTHING` compares without case, accents and signs."""

    def __init__(self, *concepts: str) -> None:
        self._all = per_table(lambda table: table.forms(*concepts))

    def __contains__(self, text: object) -> bool:
        forms = self._all()
        return text in forms or (isinstance(text, str) and normal(text) in forms)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all()))

    def __len__(self) -> int:
        return len(self._all())

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Set[Any]:
        """What set operators give is a plain set."""
        return frozenset(it)


class Meanings(Mapping[str, str]):
    """What labels mean in one place: a mapping of every word to a name.

    Args:
        names: concept to the reader's name for it. Of two concepts with one word the first holds.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self._all = per_table(self._build)

    def __getitem__(self, label: str) -> str:
        known = self._all()
        return known[label] if label in known else known[normal(label)]

    def __contains__(self, label: object) -> bool:
        known = self._all()
        return label in known or (isinstance(label, str) and normal(label) in known)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __or__(self, other: Mapping[str, str]) -> Meanings:
        """With further concepts."""
        return Meanings({**self._names, **other})

    def _build(self, table: Labels) -> dict[str, str]:
        found: dict[str, str] = {}
        for concept, name in self._names.items():
            for form in table.forms(concept):
                found.setdefault(form, name)
        return found


def same_names(*concepts: str) -> Meanings:
    """Meanings whose names are the concepts."""
    return Meanings({concept: concept for concept in concepts})


_SECTIONS = same_names(*get_args(Concept)) | {
    "acceptance_criteria": "success_criteria",
    "total_points": "points",
}


SECTION_WORDS = Words(*get_args(Concept), "acceptance_criteria", "total_points")
"""Every label of a sprint or a plan."""


def concept_of(text: str) -> Concept | None:
    """What a heading or a label of a sprint or a plan means; a parenthesis at its end does not matter."""
    found = _SECTIONS.get(text) or _SECTIONS.get(split_parenthesis(plain_signs(text).rstrip(": "))[0])
    return cast("Concept | None", found)


def heading_word(word: str) -> tuple[str, str]:
    """The concept of a word that opens a heading, and the word that ids have for it in its language."""
    return _heading_words()[folded(word)]


@per_table
def _heading_words(table: Labels) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for concept in table.concepts("heading"):
        for row in table.rows(concept).values():
            for word in row:
                parts = folded(word).replace("-", " ").split()
                # `User Story 1` and `Story 1` are one story, so that the shorter word is its id's.
                short = next((each for each in row if len(parts) > 1 and folded(each) in parts), word)
                found.setdefault(folded(word), (concept, f"{short[0].upper()}{short[1:]}"))
    return found


def _closed(form: str) -> str:
    ends_in_letter = form[-1].isalpha() and not _CJK.match(form[-1])
    return re.escape(form) + (r"(?![^\W\d])" if ends_in_letter else "")
