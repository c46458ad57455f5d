"""`paceline token` and `paceline audit` in processes of their own, on the database of a home."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from paceline.domain.sessions import SignedInBy
from paceline.store import browser_sessions, tokens
from paceline.store.database import Database
from paceline.store.models import AuditRow
from tests.integration.api.command_line import CommandLine


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """The command line with an empty home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    return CommandLine({**kept, "PACELINE_HOME": str(tmp_path / "home")})


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where its database will be."""
    return f"sqlite:///{tmp_path / 'home' / 'paceline.db'}"


def test_the_first_token_needs_nothing_that_runs(command: CommandLine, url: str) -> None:
    made = command("token", "create", "ada", "--role", "operator", "--project", "Beans", "--expires", "90d")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.splitlines()[0]
    database = Database(url)
    found = database.read_now(tokens.find_token, secret)
    database.close()
    assert found is not None
    assert (found.token.name, found.token.role, found.token.projects) == ("ada", "operator", ["beans"])
    assert found.token.expires_at is not None
    assert (found.token.expires_at - found.token.made_at).days == 90
    listed = command("token", "list")
    assert "ada" in listed.stdout
    assert secret not in listed.stdout
    (told,) = json.loads(command("token", "list", "--json").stdout)
    assert told["prefix"] == found.token.prefix
    assert "digest" not in told


def test_rotating_and_revoking(command: CommandLine, url: str) -> None:
    first = json.loads(command("token", "create", "ada", "--role", "viewer", "--json").stdout)["secret"]
    second = json.loads(command("token", "rotate", "ada", "--grace", "0s", "--json").stdout)["secret"]
    database = Database(url)
    good = [database.read_now(tokens.find_token, secret) is not None for secret in (first, second)]
    assert good == [False, True]
    assert command("token", "revoke", "ada").returncode == 0
    assert database.read_now(tokens.find_token, second) is None
    database.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "ada (for bob)", "--role", "viewer"), "no name"),
        (("create", "ada", "--role", "viewer", "--expires", "soon"), "no length of time"),
        (("revoke", "nobody"), "no token nobody"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(
    command: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    done = command("token", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_tokens_of_agents_are_not_given_out(command: CommandLine) -> None:
    done = command("token", "create", "ada", "--role", "agent")
    assert done.returncode == 2
    assert "'viewer', 'operator', 'product_owner', 'admin'" in " ".join(done.stderr.split())
    assert "agent" not in command("token", "create", "--help").stdout


def test_verifying_finds_what_was_done_to_the_log(command: CommandLine, url: str) -> None:
    for name in ("ada", "bob", "eve"):
        assert command("token", "create", name, "--role", "viewer").returncode == 0
    good = command("audit", "verify")
    assert good.returncode == 0
    assert good.stdout.startswith("The chain of 3 entries is whole: 3:")
    known = good.stdout.split()[-1]
    assert command("audit", "verify", "--known", known).returncode == 0
    entries = json.loads(command("audit", "list", "--json").stdout)
    assert [(each["number"], each["method"], each["path"]) for each in entries] == [
        (number, "CLI", "paceline token create") for number in (1, 2, 3)
    ]

    def change(session: Session) -> None:
        session.execute(update(AuditRow).where(AuditRow.number == 2).values(actor="nobody"))

    def remove(session: Session) -> None:
        session.execute(delete(AuditRow).where(AuditRow.number == 3))

    database = Database(url)
    database.write_now(change)
    changed = command("audit", "verify")
    assert (changed.returncode, changed.stdout) == (1, "")
    assert "Entry 2 was changed" in changed.stderr
    database.write_now(remove)
    found = json.loads(command("audit", "verify", "--json").stdout)["breaks"]
    assert [(each["number"], each["kind"]) for each in found] == [(2, "changed"), (3, "removed")]
    database.close()


def test_an_empty_log_is_whole(command: CommandLine) -> None:
    assert command("audit", "list").stderr.startswith("Nothing was asked")
    assert command("audit", "verify").stdout.startswith("The chain of 0 entries is whole: 0:000")


def test_sessions_are_listed_and_ended(command: CommandLine, url: str) -> None:
    assert command("session", "list").stderr == "Nobody is signed in with a browser.\n"
    secret = json.loads(command("token", "create", "ada", "--role", "viewer", "--json").stdout)["secret"]
    person = browser_sessions.Person("ada", SignedInBy.TOKEN, secret)
    database = Database(url)
    begun = [database.write_now(browser_sessions.begin_session, person, timedelta(hours=1)) for _ in range(3)]
    database.close()
    first = begun[0].session.id
    listed = command("session", "list")
    assert listed.stdout.count("ada") == 3
    assert begun[0].secret not in listed.stdout
    assert command("session", "end", first).stdout == f"The session {first} of ada is over.\n"
    left = json.loads(command("session", "end", "ada", "--json").stdout)
    assert {each["id"] for each in left} == {each.session.id for each in begun[1:]}
    assert json.loads(command("session", "list", "--json").stdout) == []
    refused = command("session", "end", "ada")
    assert refused.returncode == 1
    assert "paceline session list" in refused.stderr
    assert command("audit", "verify").returncode == 0
    assert command("audit", "list").stdout.count("paceline session end") == 2
