"""Stories from CSV: every mistake by its line and column, and otherwise the same stories back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from paceline.cli.main import app
from paceline.errors import PlanUnreadable
from paceline.plans.csv_stories import COLUMNS, CsvStory, read_stories
from paceline.plans.markdown_writer import read_back, write_markdown
from paceline.plans.reader import read_plan

BIG = "x" * 140_000


def imported(text: str) -> list[CsvStory]:
    """The stories of a file without a mistake, which come back from the plan."""
    stories, errors = read_stories(text)
    assert errors == []
    assert read_back(write_markdown(stories, "Garden"), stories) == []
    return stories


def wrong(text: str) -> list[tuple[int, str | None, str]]:
    """What is wrong with a file: line, column and sentence."""
    stories, errors = read_stories(text)
    errors = errors or read_back(write_markdown(stories, "Garden"), stories)
    assert all(each.remedy for each in errors)
    return [(each.line, each.column, each.message) for each in errors]


@pytest.mark.parametrize(
    "text",
    [
        "id,title\n1.1,Dig\n1.2,Sow\n",
        "\ufeffid,title\n1.1,Dig\n1.2,Sow\n",
        "id,title\r\n1.1,Dig\r\n1.2,Sow\r\n",
        "id,title\r1.1,Dig\r1.2,Sow",
        "id;title\n1.1;Dig\n1.2;Sow\n",
        "id\ttitle\n1.1\tDig\n1.2\tSow\n",
        "\n\n Story ID , Summary \n\n1.1, Dig \n,\nstory 1.2,Sow\n\n",
        'title,"id"\n"Dig","1.1"\nSow,1.2\n',
    ],
    ids=["plain", "bom", "crlf", "cr", "semicolons", "tabs", "blanks", "quotes"],
)
def test_spreadsheets_write_in_many_ways(text: str) -> None:
    assert [(story.id, story.title) for story in imported(text)] == [
        ("Story 1.1", "Dig"),
        ("Story 1.2", "Sow"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("", 1, None, "There is no heading"),
        ("\n \n", 1, None, "There is no heading"),
        ("id,title\n", 1, None, "no stories below the heading"),
        ("id,title,colour\n1.1,Dig,red\n", 1, "colour", "not known"),
        ("id,title,\n1.1,Dig,\n", 1, "", "not known"),
        ("id,title,name\n1.1,Dig,Dug\n", 1, "title", "there twice"),
        ("title\nDig\n", 1, "id", "is missing"),
        ("id\n1.1\n", 1, "title", "is missing"),
        ("id,title\n1.1,Dig\n1.2,\n", 3, "title", "is empty"),
        ("id,title\n,Dig\n", 2, "id", "is empty"),
        ("id,title\n1.1,Dig,deep\n", 2, None, "has 3 cells, and the heading 2"),
        ("id,title,agent\n1.1,Dig\n", 2, None, "has 2 cells, and the heading 3"),
        ('id,title,description\n1.1,Dig,"a\nb\nc"\n1.2,,\n', 5, "title", "is empty"),
        ('id,title\n1.1,Dig\n1.2,"Sow\n1.3,Reap\n', 3, None, "no CSV (unexpected end of data)"),
        ('id,title\n1.1,"Dig"ger\n', 2, None, "no CSV"),
        (f"id,title\n1.1,Dig\n1.2,{BIG}\n", 3, None, "no CSV (field larger"),
        (f"id,title\n1.1,{BIG[:100_001]}\n", 2, "title", "more than 100,000"),
        ("id,title\n1.1,Di\x00g\n", 2, "title", "control characters"),
        ("id,title\n1.1,Di\x1b[2Jg\n", 2, "title", "control characters"),
        ("id,title,points\n1.1,Dig,many\n", 2, "points", "'many' is no number of points"),
        ("id,title,points\n1.1,Dig,-1\n", 2, "points", "no number of points"),
        ("id,title,points\n1.1,Dig,nan\n", 2, "points", "no number of points"),
        ("id,title,points\n1.1,Dig,=1+1\n", 2, "points", "no number of points"),
        ("id,title,priority\n1.1,Dig,soon\n", 2, "priority", "'soon' is no priority"),
        ("id,title\n1.1,Dig\n1.2,Sow\n1.1,Reap\n", 4, "id", "line 2 has it too"),
        ("id,title\n1.1,Dig\nSTORY 1.1,Reap\n", 3, "id", "line 2 has it too"),
        ("id,title,dependencies\n1.1,Dig,9.9\n", 2, "dependencies", "Story 9.9, which no line has"),
        ("id,title,dependencies\n1.1,Dig,1.1\n", 2, "dependencies", "waits for itself"),
        (
            *("id,title,dependencies\n1.1,Dig,1.3\n1.2,Sow,1.1\n1.3,Reap,1.2\n", 2, "dependencies"),
            "Story 1.3, which waits for Story 1.2, which waits for Story 1.1",
        ),
        ("id,title\nlogin,Dig\n", 2, "id", "login would read otherwise"),
        ("id,title\n1.1,Dig\nEpic 1,Sow\n", 3, "id", "Epic 1 would read otherwise"),
    ],
)
def test_a_mistake_is_named_by_line_and_column(text: str, line: int, column: str | None, said: str) -> None:
    found = wrong(text)
    assert [each[:2] for each in found] == [(line, column)], found
    assert said in found[0][2]


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    text = "id,title,points,dependencies\n1.1,,x,9\n1.1,Sow,y,\n1.2,Reap,1,1.1;8\n"
    assert [each[:2] for each in wrong(text)] == [
        (2, "title"),
        (2, "points"),
        (2, "dependencies"),
        (3, "points"),
        (3, "id"),
        (4, "dependencies"),
    ]


def test_what_a_spreadsheet_would_calculate_is_text() -> None:
    text = 'id,title,description\n1.1,=1+1,"=HYPERLINK(""http://x"")"\n1.2,+5,-3\n1.3,@sum,\'=2\n'
    found = imported(text)
    assert [story.title for story in found] == ["=1+1", "+5", "@sum"]
    assert [story.description for story in found] == ['=HYPERLINK("http://x")', "-3", "'=2"]


def test_ids_of_trackers_are_ids_of_stories() -> None:
    found = imported("id,title,dependencies\nABC-7,Dig,\nUS-7,Sow,abc-7\nS1,Reap,Story ABC-7;US-7\n")
    assert [story.id for story in found] == ["Story ABC-7", "Story US-7", "Story S1"]
    assert found[2].dependencies == ["Story ABC-7", "Story US-7"]


def test_ten_thousand_lines_are_read() -> None:
    rows = [f"{1 + n // 100}.{n % 100 + 1},Bed {n},{n % 5},make {n}" for n in range(10_000)]
    stories, errors = read_stories("\n".join(["id,title,points,checks", *rows]))
    assert (len(stories), errors) == (10_000, [])
    assert (stories[-1].id, stories[-1].line) == ("Story 100.100", 10_001)
    _, errors = read_stories("\n".join(["id,title", *(f"{n}.1,Bed" for n in range(20_001))]))
    assert [(each.line, each.message) for each in errors] == [(20_002, "There are more than 20000 stories")]


WORDS = st.from_regex(r"[A-Z][a-z]{0,6}( [a-z]{1,6}){0,3}", fullmatch=True)
LISTS = st.lists(WORDS, max_size=3, unique=True)


@st.composite
def stories_of_a_team(draw: st.DrawFn) -> list[CsvStory]:
    """Stories as a team writes them, each waiting for some of those before it."""
    count = draw(st.integers(1, 6))
    made: list[CsvStory] = []
    names: list[str] = []
    for number in range(1, count + 1):
        before = draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        made.append(
            CsvStory(
                line=number + 1,
                id=f"Story 1.{number}",
                title=draw(WORDS),
                points=draw(st.none() | st.sampled_from([0.5, 1, 3, 13])),
                priority=draw(st.sampled_from(["", "High", "Low"])),
                dependencies=before,
                description=draw(st.just("") | WORDS),
                tasks=draw(LISTS),
                acceptance_criteria=draw(LISTS),
                checks=draw(st.lists(st.sampled_from(["make a; b", "pytest -q", "test -f x"]), unique=True)),
                files=draw(st.lists(st.sampled_from(["a.py", "src/b.py", "docs/*.md"]), unique=True)),
            )
        )
        names.append(made[-1].id)
    return made


def as_csv(stories: list[CsvStory]) -> str:
    """The file that a spreadsheet would write."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for story in stories:
        points = "" if story.points is None else f"{story.points:g}"
        writer.writerow(
            [
                *(story.id, story.title, story.epic, story.sprint, ";".join(story.agents), points),
                *(story.priority, ";".join(story.dependencies), story.description),
                *(";".join(story.tasks), "\n".join(story.acceptance_criteria)),
                *("\n".join(story.checks), ";".join(story.files)),
            ]
        )
    return out.getvalue()


@given(stories_of_a_team())
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back_to_the_same_stories(stories: list[CsvStory]) -> None:
    found, errors = read_stories(as_csv(stories))
    assert errors == []
    assert [(each.id, each.title, each.dependencies) for each in found] == [
        (each.id, each.title, each.dependencies) for each in stories
    ]
    text = write_markdown(found, "Garden")
    assert read_back(text, stories) == []
    assert [each.title for each in read_plan(text).stories] == [each.title for each in stories]


@given(
    st.text(max_size=200) | st.text('id,title\n\r";=#*-`1.\x00\ufeff', max_size=80).map("id,title\n".__add__)
)
@settings(max_examples=150, deadline=None)
def test_no_text_is_more_than_wrong(text: str) -> None:
    stories, errors = read_stories(text)
    assert stories or errors
    if not errors:
        errors = read_back(write_markdown(stories, "Garden"), stories)
    assert all(1 <= each.line <= text.count("\n") + text.count("\r") + 2 for each in errors)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_command_reads_what_programs_write(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "stories.csv"
    file.write_bytes("id,title\n1.1,Grüße säen\n".encode(encoding))
    done = CliRunner().invoke(app, ["plan", "import", str(file), "--json"])
    assert done.exit_code == 0, done.output
    assert "Story 1.1: Grüße säen" in json.loads(done.stdout)["plan"]


def test_the_command_refuses_whole_files_with_every_line(tmp_path: Path) -> None:
    file, plan = tmp_path / "stories.csv", tmp_path / "plan.md"
    file.write_text("id,title,points\n1.1,Dig,x\n1.2,,1\n")
    done = CliRunner().invoke(app, ["plan", "import", str(file), "-o", str(plan), "--json"])
    assert done.exit_code == 2
    assert [(each["line"], each["column"]) for each in json.loads(done.stdout)["errors"]] == [
        (2, "points"),
        (3, "title"),
    ]
    assert f"{file}:3: column title: This cell is empty; write it." in done.stderr
    assert not plan.exists()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "stories.csv"
    file.write_bytes(b"PK\x03\x04\x00\x00\xff\xfe\x00")
    done = CliRunner().invoke(app, ["plan", "import", str(file)])
    assert done.exit_code != 0
    assert isinstance(done.exception, (PlanUnreadable, SystemExit))
    assert done.stdout == ""
