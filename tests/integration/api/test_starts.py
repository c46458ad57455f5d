"""Starting a plan: refused before anything is written, started exactly once, repaired after a crash."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.main import create_app
from api.security import PLAN_LIMIT
from api.starts import start_run
from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput, ProjectResult
from paceline.domain.exchange import StartRequest
from paceline.domain.states import RunState
from paceline.domain.status import RunOptions
from paceline.plans.folder import read_folder
from paceline.settings import Settings
from paceline.store import events, runs, status
from paceline.store.database import Database
from tests.integration.api.allotment import PLAN, SIMULATED, Calls, calling, git

pytestmark = pytest.mark.temporal


@workflow.defn(name="project")
class EndlessProject:
    """Stands for a run that goes on until it is cancelled."""

    @workflow.run
    async def run(self, start: ProjectInput) -> ProjectResult:
        """Wait for ever."""
        await workflow.wait_condition(lambda: False)
        return ProjectResult(state=RunState.COMPLETED, counts={})


@pytest_asyncio.fixture
async def live(database: Database, temporal: Client, settings: Settings) -> AsyncGenerator[Calls]:
    """The API with a real Temporal and no worker: what is started stays started."""
    async with calling(create_app(database, temporal, settings)) as calls:
        yield calls


@pytest.fixture
def name() -> str:
    """A project name that no other test uses: workflow ids are the server's."""
    return f"Allotment {uuid.uuid4().hex[:8]}"


async def post(calls: Calls, name: str, plan: str = PLAN, **more: Any) -> tuple[int, dict[str, Any]]:
    """Start a plan with simulated agents."""
    body = {"plan": plan, "file": "plan.md", "project": name, "options": SIMULATED, **more}
    reply = await calls.post("/api/v1/sprints", json=body)
    return reply.status_code, reply.json()


async def workflows_of(client: Client, project: str) -> list[str]:
    """Run ids of the project's workflows, of all its runs."""
    return [found.run_id async for found in client.list_workflows(f'WorkflowId = "{project}"')]


async def test_a_new_plan_is_recorded_and_started(
    live: Calls, name: str, database: Database, temporal: Client
) -> None:
    reply = await live.post(
        "/api/v1/sprints", json={"plan": PLAN, "file": "plan.md", "project": name, "options": SIMULATED}
    )
    body = reply.json()
    project = body["run"]["id"]
    assert reply.status_code == 201
    assert reply.headers["location"] == f"/api/v1/projects/{project}"
    assert (body["attached"], body["stories"]) == (False, 2)
    described = await temporal.get_workflow_handle(project).describe()
    assert (described.workflow_type, described.task_queue) == ("project", CONTROL_TASK_QUEUE)
    found = await database.read(status.project_status, project)
    assert [(story.id, story.dependencies) for story in found.stories] == [
        ("Story 1.1", []),
        ("Story 1.2", ["Story 1.1"]),
    ]
    assert {agent.agent: agent.state.value for agent in found.agents} == {"Digger": "IDLE", "Planter": "IDLE"}
    assert [event.name for event in await database.read(events.events_after, project)] == ["project.started"]


async def test_a_file_upload_starts_the_same_run(live: Calls, name: str) -> None:
    form = {"project": name, "options": json.dumps(SIMULATED)}
    reply = await live.post("/api/v1/sprints", data=form, files={"plan": ("plan.md", PLAN, "text/markdown")})
    again = await post(live, name)
    assert reply.status_code == 201
    assert again[0] == 200
    assert again[1]["run"]["id"] == reply.json()["run"]["id"]


async def test_a_folder_starts_a_run(live: Calls, name: str, database: Database) -> None:
    folder = {
        "backlog/tasks/task-1.md": "---\nid: task-1\ntitle: Dig\nstatus: To Do\n---\n",
        "backlog/tasks/task-2.md": "---\nid: task-2\ntitle: Sow\nstatus: Open\ndependencies: [task-1]\n---\n",
        "README.md": "# Garden\n",
    }
    body = {"files": folder, "file": "garden", "project": name, "options": SIMULATED}
    reply = await live.post("/api/v1/sprints", json=body)
    assert reply.status_code == 201
    assert any("README.md" in warning for warning in reply.json()["warnings"])
    run = await database.read(runs.get_run, reply.json()["run"]["id"])
    plan = await database.read(runs.load_plan, run.plan_digest)
    assert [(story.id, story.file) for story in plan.stories] == [
        ("task-1", "backlog/tasks/task-1.md"),
        ("task-2", "backlog/tasks/task-2.md"),
    ]
    assert plan == read_folder(folder, "garden")
    assert "<!-- backlog/tasks/task-1.md -->\n---\nid: task-1\n" in await database.read(
        runs.plan_text, run.plan_digest
    )
    again = await live.post("/api/v1/sprints", json={**body, "files": dict(reversed(folder.items()))})
    assert (again.status_code, again.json()["run"]["id"]) == (200, run.id)


async def test_ten_at_once_start_exactly_one(
    live: Calls, name: str, database: Database, temporal: Client
) -> None:
    replies = await asyncio.gather(*(post(live, name) for _ in range(10)))
    assert sorted(code for code, _ in replies) == [200] * 9 + [201]
    (project,) = {body["run"]["id"] for _, body in replies}
    assert [run.id for run in await database.read(runs.list_runs)] == [project]
    assert await database.read(events.last_number, project) == 1
    handle = temporal.get_workflow_handle(project)
    run_ids = {(await handle.describe()).run_id}
    await post(live, name)
    assert {(await handle.describe()).run_id} == run_ids


@pytest.mark.postgres
async def test_ten_at_once_on_postgresql_from_five_processes_start_exactly_one(
    postgres_url: str, temporal: Client, settings: Settings, name: str
) -> None:
    databases = [Database(postgres_url) for _ in range(5)]
    request = StartRequest(plan=PLAN, project=name, options=RunOptions.model_validate(SIMULATED))
    try:
        replies = await asyncio.gather(*(start_run(request, each, temporal) for each in databases * 2))
        assert sorted(reply.attached for reply in replies) == [False] + [True] * 9
        (project,) = {reply.run.id for reply in replies}
        assert [run.id for run in await databases[0].read(runs.list_runs)] == [project]
        assert await databases[0].read(events.last_number, project) == 1
    finally:
        for each in databases:
            each.close()


async def test_a_crash_before_the_workflow_started_is_repaired_by_the_next_post(
    database: Database, no_temporal: Client, temporal: Client, settings: Settings, name: str
) -> None:
    async with calling(create_app(database, no_temporal, settings)) as without_temporal:
        code, problem = await post(without_temporal, name)
    assert (code, problem["code"]) == (503, "SERVER_UNAVAILABLE")
    (recorded,) = await database.read(runs.list_runs)
    async with calling(create_app(database, temporal, settings)) as calls:
        code, body = await post(calls, name)
    assert (code, body["attached"], body["run"]["id"]) == (200, True, recorded.id)
    assert (await temporal.get_workflow_handle(recorded.id).describe()).workflow_type == "project"


async def test_who_attaches_with_other_declarations_is_told_that_the_run_keeps_its_own(
    live: Calls, name: str
) -> None:
    _, first = await post(live, name)
    _, same = await post(live, name)
    slow = {"agents": {"*": {"kind": "simulated", "timeout": 77}}}
    _, other = await post(live, name, options=slow)
    assert (first["warnings"], same["warnings"]) == ([], [])
    assert other["attached"]
    assert "declarations" in other["warnings"][0]


async def test_another_text_is_refused_while_the_run_goes_on(live: Calls, name: str) -> None:
    await post(live, name)
    code, problem = await post(live, name, PLAN.replace("one row a bed", "two rows a bed"))
    assert (code, problem["code"]) == (409, "PLAN_CHANGED")


async def test_another_repository_is_refused_while_the_run_goes_on(
    live: Calls, name: str, repository: Path
) -> None:
    await post(live, name)
    code, problem = await post(live, name, repository=str(repository))
    assert (code, problem["code"]) == (409, "CONFLICT")


async def test_after_the_end_the_same_plan_attaches_and_rerun_or_another_text_runs_again(
    live: Calls, name: str, database: Database
) -> None:
    _, first = await post(live, name)
    project = first["run"]["id"]
    await database.write(runs.end_run, project, RunState.COMPLETED)
    assert (await post(live, name))[1]["run"]["id"] == project
    code, second = await post(live, name, rerun=True)
    assert (code, second["run"]["id"], second["run"]["run_number"]) == (201, f"{project}-run-2", 2)
    assert (await post(live, name, rerun=True))[1]["run"]["id"] == f"{project}-run-2"
    await database.write(runs.end_run, f"{project}-run-2", RunState.INCOMPLETE)
    code, third = await post(live, name, PLAN.replace("one row a bed", "two rows a bed"))
    assert (code, third["run"]["id"]) == (201, f"{project}-run-3")


async def test_a_run_attaches_although_the_checkout_became_dirty(
    live: Calls, name: str, repository: Path
) -> None:
    _, first = await post(live, name, repository=str(repository))
    (repository / "beds.txt").write_text("half dug\n")
    code, again = await post(live, name, repository=str(repository))
    assert (code, again["attached"], again["run"]["id"]) == (200, True, first["run"]["id"])
    changed = PLAN.replace("one row a bed", "two rows a bed")
    code, problem = await post(live, name, changed, repository=str(repository))
    assert (code, problem["code"]) == (409, "PLAN_CHANGED")


@pytest.mark.parametrize("ref", ["refs/heads/paceline/{}/sprint", "refs/paceline/preserved/{}/story-1.1/1"])
async def test_the_id_of_a_run_of_another_database_is_not_taken_again(
    live: Calls, name: str, repository: Path, ref: str
) -> None:
    base = name.lower().replace(" ", "-")
    git(repository, "update-ref", ref.format(base), "HEAD")
    code, body = await post(live, name, repository=str(repository))
    assert (code, body["run"]["id"], body["run"]["run_number"]) == (201, f"{base}-run-2", 2)
    assert (
        f"branches or preserved work of {base}, a run that this database does not know"
        in body["warnings"][-1]
    )
    assert (await post(live, name, repository=str(repository)))[1]["run"]["id"] == f"{base}-run-2"


async def test_a_second_run_says_nothing_of_what_the_first_one_left(
    live: Calls, name: str, repository: Path, database: Database
) -> None:
    _, first = await post(live, name, repository=str(repository))
    project = first["run"]["id"]
    git(repository, "update-ref", f"refs/heads/paceline/{project}/sprint", "HEAD")
    await database.write(runs.end_run, project, RunState.COMPLETED)
    _, second = await post(live, name, repository=str(repository), rerun=True)
    assert second["run"]["id"] == f"{project}-run-2"
    assert second["warnings"] == first["warnings"]


async def test_a_project_is_called_like_its_plan_without_the_kind_of_document(live: Calls, name: str) -> None:
    reply = await live.post(
        "/api/v1/sprints", json={"plan": PLAN.replace("Tend the Allotment", name), "options": SIMULATED}
    )
    assert reply.json()["run"]["id"] == name.lower().replace(" ", "-")
    assert reply.json()["run"]["title"] == f"Sprint Plan: {name}"


async def test_a_project_called_like_a_second_run_keeps_its_id(
    live: Calls, name: str, database: Database
) -> None:
    _, first = await post(live, name)
    _, namesake = await post(live, f"{name} run 2")
    await database.write(runs.end_run, first["run"]["id"], RunState.COMPLETED)
    code, second = await post(live, name, rerun=True)
    assert namesake["run"]["id"] == f"{first['run']['id']}-run-2"
    assert (code, second["run"]["id"]) == (201, f"{first['run']['id']}-run-3")


async def test_a_terminated_workflow_is_recorded_as_ended_by_the_next_post(
    live: Calls, name: str, temporal: Client
) -> None:
    _, first = await post(live, name)
    await temporal.get_workflow_handle(first["run"]["id"]).terminate()
    _, again = await post(live, name)
    assert again["run"]["state"] == "cancelled"
    code, second = await post(live, name, rerun=True)
    assert (code, second["run"]["run_number"]) == (201, 2)


async def test_cancel_reaches_the_workflow(live: Calls, name: str, temporal: Client) -> None:
    worker = Worker(
        temporal,
        task_queue=CONTROL_TASK_QUEUE,
        workflows=[EndlessProject],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    _, body = await post(live, name)
    project = body["run"]["id"]
    async with worker:
        reply = await live.post(f"/api/v1/projects/{project}/cancel")
        with pytest.raises(WorkflowFailureError) as ended:
            await temporal.get_workflow_handle(project).result()
    assert isinstance(ended.value.cause, CancelledError)
    assert reply.status_code == 202


# Refused before anything is written ---


async def refused(calls: Calls, database: Database, **body: Any) -> tuple[int, dict[str, Any]]:
    """Post, and make sure that nothing was recorded."""
    reply = await calls.post("/api/v1/sprints", json={"plan": PLAN, "options": SIMULATED, **body})
    assert await database.read(runs.list_runs) == []
    return reply.status_code, reply.json()


async def test_a_plan_with_errors_names_file_line_and_remedy(api: Calls, database: Database) -> None:
    broken = PLAN.replace("**Dependencies**: Story 1.1", "**Dependencies**: Story 7.7")
    code, problem = await refused(api, database, plan=broken, file="garden.md")
    assert (code, problem["code"]) == (422, "PLAN_INVALID")
    (error,) = [finding for finding in problem["findings"] if finding["severity"] == "error"]
    assert error["file"] == "garden.md"
    assert broken.splitlines()[int(error["line"]) - 1] == "- **Dependencies**: Story 7.7"
    assert error["message"]
    assert error["remedy"]


async def test_what_is_no_plan_is_refused(api: Calls, database: Database) -> None:
    code, problem = await refused(api, database, plan="Dear diary, nothing happened today.")
    assert (code, problem["code"]) == (422, "PLAN_UNREADABLE")


async def test_agents_that_nobody_declared_are_named(
    api: Calls, database: Database, repository: Path
) -> None:
    code, problem = await refused(api, database, options={}, repository=str(repository))
    assert (code, problem["code"]) == (422, "CONFIGURATION")
    assert problem["agents"] == ["Digger", "Planter"]
    assert '[agents."Digger"]' in problem["detail"]
    assert "paceline.toml" in problem["detail"]


async def test_agents_without_a_repository_are_told_where_declarations_would_be(
    api: Calls, database: Database
) -> None:
    code, problem = await refused(api, database, options={})
    assert (code, problem["code"]) == (422, "CONFIGURATION")
    assert "name the repository whose paceline.toml declares them" in problem["detail"]


async def test_command_agents_need_a_repository(api: Calls, database: Database) -> None:
    options = {"agents": {"*": {"kind": "command", "command": ["true"]}}}
    code, problem = await refused(api, database, options=options)
    assert code == 422
    assert "repository" in problem["detail"]


@pytest.mark.parametrize(("path", "code"), [("/nowhere/at/all", 422), ("relative", 422)])
async def test_a_missing_repository_is_refused(api: Calls, database: Database, path: str, code: int) -> None:
    found, problem = await refused(api, database, repository=path)
    assert (found, problem["code"]) == (code, "REPOSITORY_MISSING")


async def test_a_dirty_checkout_is_refused_with_its_paths(
    api: Calls, database: Database, repository: Path
) -> None:
    (repository / "beds.txt").write_text("half dug\n")
    code, problem = await refused(api, database, repository=str(repository))
    assert (code, problem["code"], problem["paths"]) == (409, "REPOSITORY_DIRTY", ["beds.txt"])


async def test_declarations_of_the_repository_are_used_unless_the_options_say_otherwise(
    live: Calls, name: str, repository: Path, database: Database
) -> None:
    (repository / "paceline.toml").write_text(
        '[agents."Digger"]\nkind = "command"\ncommand = ["dig"]\n[agents."*"]\nkind = "human"\n'
    )
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Hire agents")
    _, from_file = await post(live, name, repository=str(repository), options={})
    chosen = {"agents": {"*": {"kind": "simulated"}}}
    _, from_options = await post(live, f"{name} simulated", repository=str(repository), options=chosen)
    kinds = {
        agent: declaration["kind"] for agent, declaration in from_file["run"]["options"]["agents"].items()
    }
    assert kinds == {"Digger": "command", "Planter": "human"}
    assert from_file["run"]["base_commit"] == git(repository, "rev-parse", "HEAD")
    everyone = from_options["run"]["options"]["agents"].values()
    assert {declaration["kind"] for declaration in everyone} == {"simulated"}


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 422),
        (b'{"plan": "x", "colour": "red"}', {"Content-Type": "application/json"}, 422),
        (b'{"file": "x.md"}', {"Content-Type": "application/json"}, 422),
        (b'{"plan": "x", "files": {"a.md": "x"}}', {"Content-Type": "application/json"}, 422),
        (b'{"files": {"a.md": "# Notes"}}', {"Content-Type": "application/json"}, 422),
        (b"plan", {"Content-Type": "text/plain"}, 415),
        (b'{"plan": "' + b"x" * (PLAN_LIMIT + 1) + b'"}', {"Content-Type": "application/json"}, 413),
    ],
)
async def test_a_malformed_request_is_a_problem(
    api: Calls, content: bytes, headers: dict[str, str], code: int
) -> None:
    reply = await api.post("/api/v1/sprints", content=content, headers=headers)
    assert reply.status_code == code
    assert reply.headers["content-type"] == "application/problem+json"


async def test_an_upload_that_is_not_text_is_refused(api: Calls) -> None:
    reply = await api.post("/api/v1/sprints", files={"plan": ("plan.md", b"\xff\xfe\x00")})
    assert reply.status_code == 422
    assert "UTF-8" in reply.json()["detail"]


async def test_wrong_options_in_a_form_are_named(api: Calls) -> None:
    form = {"options": '{"max_parallel": 0}'}
    reply = await api.post("/api/v1/sprints", data=form, files={"plan": ("plan.md", PLAN)})
    assert reply.status_code == 422
    assert reply.json()["code"] == "REQUEST_INVALID"
