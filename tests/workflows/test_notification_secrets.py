"""The secrets of `[notify]` stay in the worker's environment: nothing that is kept has them."""

from __future__ import annotations

import base64
import json
import logging
import re
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from paceline.domain.questions import Decision
from paceline.store import artifacts
from paceline.store.models import Base
from tests.sample_plans import E, S, plan
from tests.workflows.test_notifications import HUMAN, receiving, until_state
from tests.world import World
from workers.temporal_server import EmbeddedServer

pytestmark = pytest.mark.temporal

SIGNING, TOKEN = "sign-6d1f0c9e", "token-93be27aa"


def _everything(session: Session) -> str:
    """Every row of every table."""
    tables = Base.metadata.sorted_tables
    return "\n".join(str(tuple(row)) for table in tables for row in session.execute(select(table)))


async def _histories(world: World, project: str) -> str:
    """All histories of a run's workflows."""
    found: list[str] = []
    for workflow_id in [project, *(await _children(world, project))]:
        history = await world.client.get_workflow_handle(workflow_id).fetch_history()
        written = json.dumps(history.to_json_dict())
        payloads = re.findall(r'"data": "([A-Za-z0-9+/=]+)"', written)
        found += [written, *(base64.b64decode(each).decode("utf-8", "replace") for each in payloads)]
    return "\n".join(found)


async def _children(world: World, project: str) -> list[str]:
    rows = (await world.status(project)).stories
    return [row.workflow_id for row in rows if row.workflow_id]


def _files(folder: Path) -> str:
    """The bytes of every file below a folder, of bundles those inside too."""
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes().decode("utf-8", "replace"))
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as bundle:
                    found += [bundle.read(name).decode("utf-8", "replace") for name in bundle.namelist()]
    return "\n".join(found)


async def test_no_history_event_log_or_bundle_has_a_secret(
    world: World,
    name: str,
    temporal_server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PACELINE_TEST_SECRET", SIGNING)
    with receiving(500, 302, 204) as good, receiving(*[500] * 9) as bad:
        monkeypatch.setenv("PACELINE_TEST_URL", f"http://127.0.0.1:{good.server_port}/{TOKEN}")
        monkeypatch.setenv("PACELINE_TEST_BAD_URL", f"http://127.0.0.1:{bad.server_port}/{TOKEN}")
        monkeypatch.setenv("PACELINE_TEST_NO_URL", f"ftp://{TOKEN}")
        hooks = {
            "team": {"url_env": "PACELINE_TEST_URL", "secret_env": "PACELINE_TEST_SECRET"},
            "broken": {"url_env": "PACELINE_TEST_BAD_URL", "secret_env": "PACELINE_TEST_SECRET"},
            "wrong": {"url_env": "PACELINE_TEST_NO_URL"},
        }
        notify = {"webhooks": hooks, "tries": 3, "pause": 0.05, "timeout": 1.0}
        run = await world.start(plan(E("1", [S("1.1")])), project=name, agents=HUMAN, notify=notify)
        async with world.workers():
            question = await world.question(run.id)
            await until_state(world, run.id, "sent")
            await until_state(world, run.id, "dead", 2)
            await world.answer(question, Decision.APPROVE)
            result = await world.result(run.id)
        assert good.came[-1][0]["paceline-signature"].startswith("v1=")
    kept = {
        "tables": await world.database.read(_everything),
        "histories": await _histories(world, run.id),
        "files": _files(world.settings.home),
        "log": caplog.text,
        "server": temporal_server.log.read_text(errors="replace"),
    }
    bundles = await world.database.read(artifacts.list_artifacts, run.id, kind="bundle")
    assert [each.id for each in bundles] == [result.bundle]
    # What is looked through is really there.
    assert question.id in kept["tables"]
    assert question.id in kept["histories"]
    assert run.id in kept["files"]
    assert "PACELINE_TEST_URL" in kept["tables"], "names of variables are no secret"
    for where, content in kept.items():
        assert SIGNING not in content, where
        assert TOKEN not in content, where
