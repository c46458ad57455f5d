from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.vcs.git import git_environment, parse_version
from paceline.vcs.messages import commit_message, trailer_values

parts = st.sampled_from([*"aA:- \n\r\t\0\u2028", "Paceline-Story: x", "\n\n"])
line = st.lists(parts).map("".join)


@given(line, line)
def test_only_the_callers_value_is_read(message: str, value: str) -> None:
    written = commit_message(message, {"Paceline-Story": f"v{value}", "Paceline-Attempt": "1"})
    assert len(trailer_values(written, "Paceline-Story")) == 1
    assert trailer_values(written, "Paceline-Attempt") == ["1"]
    assert trailer_values(commit_message(message, {}), "Paceline-Story") == []
    assert written.endswith("\n")
    assert "\0" not in written


def test_text_is_kept_as_it_was_written() -> None:
    text = "Merge story 2.1: Ünïcode\n\nFirst paragraph,\nsecond line.\n\nAnother: one"
    assert commit_message(text, {"A-b": "c  d"}) == f"{text}\n\nA-b: c d\n"


def test_a_trailers_name_is_checked() -> None:
    with pytest.raises(ValueError, match="trailer's name"):
        commit_message("x", {"bad key\n": "v"})


@pytest.mark.parametrize(
    ("text", "version"),
    [("git version 2.39.5", (2, 39)), ("git version 2.50.1 (Apple Git-155)", (2, 50)), ("what?", (0, 0))],
)
def test_versions_are_read(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


def test_a_callers_git_variables_do_not_reach_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere")
    monkeypatch.setenv("KEPT", "yes")
    environment = git_environment({"GIT_WORK_TREE": "/w"})
    assert "GIT_DIR" not in environment
    assert "GIT_INDEX_FILE" not in environment
    assert (environment["KEPT"], environment["GIT_WORK_TREE"]) == ("yes", "/w")
    assert environment["GIT_TERMINAL_PROMPT"] == "0"
