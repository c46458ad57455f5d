"""`paceline doctor` where something is wrong: it is named, with what to do, and nothing is changed."""

from __future__ import annotations

import http.server
import json
import socket
import sqlite3
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from paceline.cli.doctor_checks import Verdict
from paceline.store import migrate
from tests.integration.api.command_line import CommandLine
from tests.integration.api.test_command_line import up
from tests.world import git_lines

__all__ = ["up"]


def having(paceline: CommandLine, **variables: str) -> CommandLine:
    """The command line with other variables."""
    return replace(paceline, variables={**paceline.variables, **variables})


def found(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """Verdict and text of each finding."""
    return {each["name"]: (each["verdict"], each["text"]) for each in json.loads(done.stdout)}


def test_a_set_up_that_works_has_no_problem(paceline: CommandLine, up: subprocess.Popen[str]) -> None:
    done = paceline("doctor", "--json")
    assert done.returncode == 0, done.stdout
    told = found(done)
    assert list(told) == [
        *("git", "home", "database", "temporal", "api", "sandbox", "repository", "paceline.toml"),
    ]
    assert {verdict for verdict, _ in told.values()} <= {Verdict.OK, Verdict.NOTE}
    assert told["api"][0] == told["database"][0] == Verdict.OK
    assert "ok      git: git version" in paceline("doctor").stdout


def test_nothing_is_made_where_nothing_is_yet(paceline: CommandLine, tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    done = having(paceline, PACELINE_HOME=str(home))("doctor", "--json")
    told = found(done)
    assert done.returncode == 0, done.stdout
    assert "made at the first start" in told["home"][1]
    assert "made at the first start" in told["database"][1]
    assert told["api"] == (Verdict.NOTE, told["api"][1])
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("variables", "name", "sentence"),
    [
        ({"PATH": "/nowhere"}, "git", "install git 2.38 or newer"),
        ({"PACELINE_HOME": "/etc/hostname/paceline"}, "home", "name another folder in PACELINE_HOME"),
        ({"PACELINE_WORKTREE_MIN_FREE": str(10**18)}, "home", "make room"),
        ({"PACELINE_DATABASE_URL": "mysql://x"}, "database", "is not one Paceline knows"),
        ({"PACELINE_TEMPORAL_ADDRESS": "127.0.0.1:1"}, "temporal", "127.0.0.1:1"),
        ({"PACELINE_TEMPORAL_BINARY": "/bin/false"}, "temporal", "PACELINE_TEMPORAL_BINARY names /bin/false"),
        ({"PACELINE_API_HOST": "0.0.0.0"}, "api", "set PACELINE_API_TOKEN"),  # noqa: S104 - refused
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(
    paceline: CommandLine, variables: dict[str, str], name: str, sentence: str
) -> None:
    done = having(paceline, **variables)("doctor", "--json")
    assert done.returncode == 1
    verdict, text = found(done)[name]
    assert verdict == Verdict.PROBLEM
    assert sentence in text
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("revision", "verdict", "sentence"),
    [
        ("0007", Verdict.NOTE, "see to it when they start"),
        (None, Verdict.NOTE, "has no schema"),
        ("9999", Verdict.PROBLEM, "a later version of Paceline made"),
    ],
)
def test_a_schema_of_another_version_says_what_to_do(
    paceline: CommandLine, tmp_path: Path, revision: str | None, verdict: Verdict, sentence: str
) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    migrate.upgrade(url, "0001" if revision == "9999" else revision or "base")
    if revision == "9999":
        with sqlite3.connect(tmp_path / "other.db") as database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
    told = found(having(paceline, PACELINE_DATABASE_URL=url)("doctor", "--json"))["database"]
    assert told[0] == verdict
    assert sentence in told[1]


def test_another_program_at_the_api_s_port_is_no_api(paceline: CommandLine) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_address[1])
        done = having(paceline, PACELINE_API_PORT=port)("doctor", "--json")
        server.shutdown()
    assert found(done)["api"][0] == Verdict.PROBLEM
    assert "Another program answers" in found(done)["api"][1]


def test_a_repository_s_declarations_are_read_whole(
    paceline: CommandLine, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    told = found(paceline("doctor", "--json"))
    assert told["repository"][0] == Verdict.OK
    file = repository / "paceline.toml"
    for text, sentence in (
        ('[agents.Digger]\ncommand = ["no-such-program-here"]\n', "no-such-program-here of Digger"),
        ("[calendar]\nday_length = 5\nnonsense = 1\n", "nonsense"),
        ("[notfy]\nrepeats = 1\n", "notfy is not known; did you mean notify?"),
        ("[agents\n", "TOML"),
    ):
        file.write_text(text)
        done = paceline("doctor", "--json")
        assert done.returncode == 1
        verdict, said = found(done)["paceline.toml"]
        assert (verdict, sentence in said) == (Verdict.PROBLEM, True), said
    assert git_lines(repository, "status", "--porcelain") == ["?? paceline.toml"]
    file.unlink()
    (repository / "beds.txt").write_text("one\n")
    verdict, said = found(paceline("doctor", "--json"))["repository"]
    assert verdict == Verdict.NOTE
    assert "beds.txt" in said


def test_a_port_without_paceline_is_only_a_note(paceline: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    done = having(paceline, PACELINE_API_PORT=port)("doctor", "--json")
    assert found(done)["api"][0] == Verdict.NOTE
    assert "`paceline up` starts it" in found(done)["api"][1]
