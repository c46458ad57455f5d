"""docs/requirements.md and the other documents name only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_each_requirement_row_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text()
    for row in re.findall(r"^\| (R\d.*) \|$", text, re.MULTILINE):
        tests = re.findall(r"`(tests/[^`]+?)(?:::(\w+))?`", row)
        assert tests, f"no test in the row: {row}"
        for path, name in tests:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_that_are_named_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:`|^ {4})make ([a-z]+)", document.read_text(), re.MULTILINE)
    assert set(named) <= targets


def test_settings_in_the_readme_exist() -> None:
    from paceline.settings import Settings

    named = set(re.findall(r"PACELINE_([A-Z_]+)", (ROOT / "README.md").read_text()))
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


def test_readme_stays_a_page() -> None:
    assert (ROOT / "README.md").read_text().count("\n") < 100
