"""The catalogue of findings: complete, true by its own examples, and the same everywhere it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.plans.catalogue import Entry, entries, explain, missing_codes, reference_page
from paceline.plans.findings import Code
from paceline.plans.folder import read_folder
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "findings.md"


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    assert missing_codes() == []
    assert set(entries()) == {code.value for code in Code}


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: entry.code)
def test_the_example_has_the_finding_and_no_other(entry: Entry) -> None:
    plan = read_folder(entry.files, "bakery") if entry.files else read_plan(entry.example, "plan.md")
    texts = dict(entry.files) or {"plan.md": entry.example}
    findings = check_plan(plan, texts)
    assert {found.code for found in findings} == {entry.code, *entry.also}
    for found in findings:
        assert found.severity == entries()[found.code].severity
        assert found.message.endswith((".", "`.")), found.message
        assert found.remedy
        assert found.remedy.endswith("."), found.remedy
        if found.line is not None:
            assert found.file in texts or not entry.files
            assert found.column is not None, found
            assert (
                1
                <= found.column
                <= len(texts.get(found.file or "", entry.example).split("\n")[found.line - 1]) + 1
            )


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: entry.code)
def test_an_entry_says_something(entry: Entry) -> None:
    assert entry.means
    assert entry.write
    assert entry.shown() in entry.markdown()
    assert entry.code in entry.text()


def test_the_reference_page_is_the_catalogue() -> None:
    assert PAGE.read_text() == reference_page(), (
        "write the page again: python -c 'from paceline.plans.catalogue import reference_page as page; "
        'print(page(), end="")\' > docs/reference/findings.md'
    )


def test_a_code_is_found_however_it_is_spelt() -> None:
    for spelling in ("NO_STORIES", "no_stories", " no-stories "):
        assert explain(spelling) is entries()["NO_STORIES"]
    assert explain("NO_SUCH_CODE") is None
