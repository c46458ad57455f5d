"""docs/requirements.md has every requirement once, and it and the other documents name only what exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from paceline.settings import Settings
from tests.documents import DOCUMENTS, ROOT
from tests.shared_plans import requirement_ids

STATES = ("done", "partly", "later")


def rows() -> list[tuple[str, str, str, str]]:
    """Id, words, state and tests of every row."""
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (R\d{3}-\d{2}) \| ([^|]+) \| ([^|]+) \| (.+) \|$", text, re.MULTILINE)
    assert found
    return found


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the test functions of a file, also in classes."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_every_requirement_is_there_once() -> None:
    listed = Counter(row[0] for row in rows())
    assert [each for each, count in listed.items() if count > 1] == []
    assert set(listed) == set(requirement_ids())


def test_each_row_names_tests_that_exist() -> None:
    for number, _, state, shown in rows():
        assert state in STATES, number
        named = re.findall(r"`(tests/[^`:]+\.py)::(\w+)`", shown)
        assert bool(named) == (state != "later"), f"{number} is {state} and names {shown}"
        assert len(named) == shown.count("`") // 2, f"{number}: {shown}"
        for path, name in named:
            assert (ROOT / path).is_file(), path
            assert name in names_in(path), f"{path}::{name}"


def test_every_test_that_is_named_beside_the_rows_exists() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[^`:]+\.py)::(\w+)`", text[text.index("## Long lives") :])
    assert named
    assert [each for each in named if each[1] not in names_in(each[0])] == []


def test_the_counts_at_the_top_are_those_of_the_rows() -> None:
    counts = Counter(row[2] for row in rows())
    told = f"Today: {counts['done']} done, {counts['partly']} partly, {counts['later']} later."
    assert told in (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # Blocks that are not of the shell are examples, whose commands belong to other projects.
    block = re.compile(r"^(`{3,})(?!sh|console)\w*\n.*?^\1$", re.MULTILINE | re.DOTALL)
    text = block.sub("", document.read_text())
    named = re.findall(r"(?:`|^ {4})make ([a-z]+)", text, re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"PACELINE_([A-Z_]+)", document.read_text()))
    others = {"WORK_ORDER", "WORK_RESULT", "WORKTREE", "RUN", "DEBUG"}
    others |= {f"CLAIM_{name}" for name in ("URL", "ATTEMPT", "FENCE", "TOKEN")}
    """What agents and the command line read beside the settings."""
    assert {name.lower() for name in named - others} <= Settings.model_fields.keys()


def test_readme_stays_a_page() -> None:
    assert (ROOT / "README.md").read_text().count("\n") < 100
