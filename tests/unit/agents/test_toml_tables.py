"""A `paceline.toml` with a name that nobody reads is refused, and every table that is read is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paceline.agents.toml_tables import TABLES, require_known_tables
from paceline.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[3]
READ = re.compile(r'(?:table_of|options_of)\([^)]*?"(\w+)"|toml_text\)\.get\("(\w+)"')


def test_the_known_tables_are_those_that_are_read() -> None:
    files = [*(ROOT / "paceline" / "agents").glob("*.py"), *(ROOT / "paceline" / "vcs").glob("*.py")]
    found = {one or other for file in files for one, other in READ.findall(file.read_text())}
    assert found == TABLES


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[question]\nremind_after = 1\n", "question is not known; did you mean questions?"),
        ("[notfy]\n", "did you mean notify?"),
        ("[zzz]\n", "it can have adjusting, agents,"),
        ("sandbox = 'auto'\n", "sandbox is not known"),
    ],
)
def test_a_misspelt_table_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        require_known_tables(text, "p.toml")


def test_every_known_table_is_taken() -> None:
    require_known_tables("".join(f"[{name}]\n" for name in sorted(TABLES)), "p.toml")
