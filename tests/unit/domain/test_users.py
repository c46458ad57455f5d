"""Who is meant by a line of the list of users."""

from __future__ import annotations

import pytest

from paceline.domain.users import UserEntry


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("kim@example.org", "KIM@Example.org"),
        ("Émile", "émile"),
        ("*@example.org", "a.b@example.org"),
        ("*", ""),
    ],
)
def test_capitals_do_not_count(who: str, name: str) -> None:
    assert UserEntry(who=who).matches(name)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("kim@example.org", "\u212aim@example.org"),  # the Kelvin sign
        ("sam", "\u017fam"),  # a long s
        ("strasse", "straße"),
        ("fine", "\ufb01ne"),  # a ligature
        ("*@example.org", "kim@evil@example.org"),
        ("*@example.org", "kim@example.org\n"),
        ("kim@example.org", "k\u0456m@example.org"),  # a Cyrillic i
    ],
)
def test_who_is_written_with_other_letters_is_somebody_else(who: str, name: str) -> None:
    assert not UserEntry(who=who).matches(name)
    assert not UserEntry(who=who.upper()).matches(name)
