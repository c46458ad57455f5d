"""Where plans are read from: files, folders and standard input, each bounded, or refused in a sentence."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline.cli import plan_folder, plan_source
from paceline.cli.plan_commands import app
from paceline.domain.plan import Plan
from paceline.plans.reader import read_plan

STORY = "# P\n## Story 1: Cake\n- **Agent**: Ada\n- **Checks**: `make cake`\n"
MEMORY = 600 * 1024 * 1024
"""Bytes of address space: the interpreter and its libraries take about half of it."""


def run(*arguments: str, text: str | bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def show(path: Path) -> Plan:
    code, out, err = run("show", str(path), "--json")
    assert (code, err) == (0, "")
    return Plan.model_validate_json(out)


def refusal(path: Path | str, text: bytes | None = None) -> str:
    """The one sentence with which every command refuses a plan."""
    said = {run(command, str(path), text=text) for command in ("show", "check", "preview")}
    ((code, out, err),) = said
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err.rstrip("\n")


def in_process_of_its_own(*arguments: str, stdin: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    command = [sys.executable, "-m", "paceline.cli.main", "plan", *arguments]
    return subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, preexec_fn=limit, check=False, timeout=120
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(STORY.replace("Cake", "K\u00e4se").encode(encoding))
    assert show(path) == read_plan(STORY.replace("Cake", "K\u00e4se"), "p.md")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "p.md"),
        (
            b"# T\n\xfcber\n",
            "p.md: line 2 is not UTF-8 (it may be Windows-1252 or Latin-1); save",
        ),
        (
            STORY.encode("utf-16-le"),
            "p.md: line 1 contains a NUL character, so this is not a text; save it",
        ),
        (b"\xff\xfe" + b"a\0\n\0\0\xd8", "p.md: line 2 is not UTF-16; save the plan as UTF-8"),
        (b"PK\x03\x04rest", "p.md: this is an archive such as a Word document; save its text as markdown."),
        (b"%PDF-1.7", "p.md: this is a PDF"),
        (b"\x7fELF\0\0", "p.md: line 1 contains a NUL character"),
        (b"> " * 5000, "nests lists or quotes deeper"),
        (b'{"a":' * 100_000, "p.md"),
        (b"schema_version: 1\na: " + b"[" * 100_000, "nests deeper"),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(data)
    assert sentence in refusal(path)


def test_pipes_devices_and_paths_that_are_none(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.md"
    os.mkfifo(pipe)
    assert refusal(pipe).startswith(f"{pipe} is a pipe and no file; give the path of a plan, or - to read")
    assert refusal("/dev/zero").startswith("/dev/zero is a device and no file")
    assert refusal("") == "The path of the plan is empty; give the path of a plan."
    assert refusal("a\0b").startswith("The path of the plan contains a NUL")
    assert "too long" in refusal("x" * 5000)
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    assert "too many levels of symbolic links" in refusal(tmp_path / "loop.md")


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.md"
    with path.open("wb") as file:
        file.write(STORY.encode())
        file.truncate(4 * 1024**3)
    done = in_process_of_its_own("show", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{path} has more than 32 MiB; divide it into several plans.\n"


def test_endless_standard_input_is_refused() -> None:
    with open("/dev/zero", "rb") as zeros:
        done = in_process_of_its_own("show", "-", stdin=zeros.fileno())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "The plan has more than 32 MiB; divide it into several plans.\n"


@pytest.mark.parametrize(
    "text",
    [
        STORY + "x" * 1_000_000 + "\n",
        STORY + "```\n" + "unclosed\n" * 1000,
        STORY + "\n".join(f"{'  ' * depth}- level {depth}" for depth in range(30)),
    ],
)
def test_odd_plans_are_read_in_bounded_memory(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.md"
    path.write_text(text)
    done = in_process_of_its_own("show", str(path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [story.title for story in Plan.model_validate_json(done.stdout).stories] == ["Cake"]


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_endings_do_not_matter(newline: str, tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(STORY.replace("\n", newline).encode())
    plan = show(path)
    same = read_plan(STORY, "p.md")
    assert plan.source.digest != same.source.digest
    assert plan.model_copy(update={"source": same.source}) == same


# Folders ---


def test_a_folder_is_a_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text(STORY)
    (tmp_path / "notes.md").write_text("# Notes\n")
    code, out, _ = run("check", str(tmp_path))
    assert code == 0
    assert f"{tmp_path}/notes.md:1: FILES_SKIPPED warning" in out
    assert [story.id for story in show(tmp_path).stories] == ["Story 1"]
    code, out, _ = run("preview", str(tmp_path))
    assert (code, "Cake" in out) == (0, True)


def test_only_texts_of_the_folder_itself_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "other.md").write_text("# secret")
    root = tmp_path / "root"
    for name in ("a/b", "node_modules/x", ".git", ".kiro/specs", ".hidden"):
        (root / name).mkdir(parents=True)
        (root / name / "p.md").write_text(STORY)
    (root / "a" / "picture.png").write_bytes(b"\x89PNG\0")
    (root / ".secret.md").write_text("hidden")
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "away").symlink_to(outside)
    (root / "away.md").symlink_to(outside / "other.md")
    (root / "again.md").symlink_to(root / "a" / "b" / "p.md")
    (root / "kept.md").symlink_to(root / ".git" / "p.md")
    (root / "broken.md").symlink_to(root / "nowhere.md")
    assert plan_folder.walk(root) == [".kiro/specs/p.md", "a/b/p.md", "kept.md"]
    assert plan_folder.walk(root / ".kiro") == ["specs/p.md"]
    (tmp_path / "link").symlink_to(root)
    assert plan_folder.walk(tmp_path / "link") == plan_folder.walk(root)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("FILES_LIMIT", "has more than 2 texts"),
        ("ENTRIES_LIMIT", "has more than 2 files"),
        ("DEPTH_LIMIT", "has folders deeper than 2 levels"),
    ],
)
def test_a_folder_beyond_a_limit_is_refused(
    limit: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    for name in "xyz":
        (tmp_path / f"{name}.md").write_text(STORY)
    monkeypatch.setattr(plan_folder, limit, 2)
    assert refusal(tmp_path) == f"{tmp_path} {sentence}; give the folder that has nothing but the plan."


def test_the_texts_of_a_folder_are_bounded_together(tmp_path: Path) -> None:
    for name in "ab":
        with (tmp_path / f"{name}.md").open("wb") as file:
            file.truncate(plan_source.SIZE_LIMIT // 2 + 1)
    (tmp_path / "a.md").write_bytes(b"x" * (plan_source.SIZE_LIMIT // 2))
    assert "has more than 32 MiB of texts (up to b.md)" in refusal(tmp_path)


def test_an_empty_folder_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path.name} has no file that is a plan (0 read)")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "p.md").write_bytes(b"\xff")
    assert refusal(tmp_path).startswith("a/p.md: line 1 is not UTF-8")


@pytest.mark.parametrize("written", [r'"\e]8;;http://x\a\e[2J"', '"\u202emit"'])
def test_a_refusal_quotes_nothing_that_steers_a_terminal(tmp_path: Path, written: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"schema_version: 1\n{written}: 1\n{written}: 2\n")
    said = refusal(path)
    assert "is written twice" in said
    assert said.rstrip("\n").isprintable()
