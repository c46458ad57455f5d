"""What the API says of claims, and whom it lets ask for more."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from activities.context import ActivityContext, RunContext
from activities.growth import first_claim
from activities.wishes import claim_token
from api.main import create_app
from paceline.domain.plan import Story
from paceline.domain.states import StoryState
from paceline.domain.status import Run, RunOptions
from paceline.domain.work import AgentDeclaration
from paceline.settings import Settings
from paceline.store import status
from paceline.store.claims import release_holder
from paceline.store.database import Database
from tests.integration.api.allotment import Calls, calling, write_run

TOKEN = "a long random text"
CLAIM = "/api/v1/projects/allotment/stories/Story%201.1/claim"


async def two_stories(database: Database, settings: Settings, client: Client) -> tuple[RunContext, int]:
    """A run in which the first story works on its file and the second waits for it; the first one's fence."""
    agents = {"*": AgentDeclaration(kind="simulated")}
    run = Run(
        id="allotment",
        title="Tend the Allotment",
        plan_digest="",
        options=RunOptions(agents=agents),
        started_at=datetime(2026, 11, 21, 9, tzinfo=UTC),
    )
    await database.write(write_run, run)
    context = await ActivityContext(database, settings, client).run("allotment")
    first, second = (context.story(f"Story 1.{number}") for number in (1, 2))
    granted = (await database.write(first_claim, context, first, 0.0)).decision
    assert granted is not None
    assert granted.fence is not None
    await database.write(status.set_story, "allotment", first.id, state=StoryState.WORKING, attempt=1)
    wants = Story.model_validate({**second.model_dump(), "files": [{"path": "beds.txt"}]})
    await database.write(first_claim, context, wants, 0.0)
    return context, granted.fence


async def test_who_holds_and_waits_for_what_and_what_was_decided(
    api: Calls, database: Database, settings: Settings, no_temporal: Client
) -> None:
    _, fence = await two_stories(database, settings, no_temporal)
    held, waiting = (await api.get("/api/v1/projects/allotment/claims")).json()
    assert (held["story"], held["state"], held["fence"]) == ("Story 1.1", "granted", fence)
    assert "file:beds.txt" in held["held"]
    assert (waiting["story"], waiting["position"], waiting["held"]) == ("Story 1.2", 1, [])
    assert waiting["waits_for"] == [f"file:beds.txt held by {held['holder']}"]
    decisions = (await api.get("/api/v1/projects/allotment/claims/decisions")).json()
    assert [(each["story"], each["kind"]) for each in decisions] == [
        ("Story 1.1", "granted"),
        ("Story 1.2", "waiting"),
    ]
    later = await api.get(
        "/api/v1/projects/allotment/claims/decisions", params={"after": decisions[0]["number"]}
    )
    assert later.json() == decisions[1:]
    assert (await api.get("/api/v1/projects/nobody/claims")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status_code", "code"),
    [
        ({}, 200, ""),
        ({"attempt": 2}, 409, "STALE_FENCE"),
        ({"fence": 7}, 409, "STALE_FENCE"),
        ({"paths": ["../up"]}, 403, "REFUSED"),
        ({"paths": ["**"]}, 403, "REFUSED"),
        ({"paths": [f"{number}.txt" for number in range(51)]}, 403, "REFUSED"),
    ],
)
async def test_only_the_attempt_that_works_may_ask_and_only_for_files(
    api: Calls,
    database: Database,
    settings: Settings,
    no_temporal: Client,
    change: dict[str, object],
    status_code: int,
    code: str,
) -> None:
    _, fence = await two_stories(database, settings, no_temporal)
    body = {"paths": ["seeds.txt"], "attempt": 1, "fence": fence} | change
    reply = await api.post(CLAIM, json=body)
    assert (reply.status_code, reply.json().get("code", "")) == (status_code, code)
    held = (await api.get("/api/v1/projects/allotment/claims")).json()[0]["held"]
    assert ("file:seeds.txt" in held) == (status_code == 200)


async def test_beyond_loopback_an_agent_has_a_token_for_its_own_claim_and_nothing_else(
    database: Database, settings: Settings, no_temporal: Client
) -> None:
    context, fence = await two_stories(database, settings, no_temporal)
    guarded = settings.model_copy(update={"api_host": "10.0.0.5", "api_token": SecretStr(TOKEN)})
    own = claim_token(guarded, context.workflow_id(context.story("Story 1.1")), 1, fence)
    other = claim_token(guarded, context.workflow_id(context.story("Story 1.2")), 1, fence)
    body = {"paths": ["seeds.txt"], "attempt": 1, "fence": fence}

    async with calling(create_app(database, no_temporal, guarded)) as calls:

        async def ask(token: str | None) -> httpx2.Response:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return await calls.post(CLAIM, json=body, headers=headers)

        for wrong in (None, other, "", "x" * 64):
            assert (await ask(wrong)).status_code == 401
        assert (await ask(own)).status_code == 200
        assert (await ask(TOKEN)).status_code == 200
        for method, path in (("GET", CLAIM), ("POST", "/api/v1/projects/allotment/cancel")):
            reply = await calls.request(method, path, headers={"Authorization": f"Bearer {own}"})
            assert reply.status_code == 401


async def test_an_agents_token_opens_nothing_after_its_attempt(
    database: Database, settings: Settings, no_temporal: Client
) -> None:
    context, fence = await two_stories(database, settings, no_temporal)
    guarded = settings.model_copy(update={"api_host": "10.0.0.5", "api_token": SecretStr(TOKEN)})
    workflow = context.workflow_id(context.story("Story 1.1"))
    body = {"paths": ["seeds.txt"], "attempt": 1, "fence": fence}
    headers = {"Authorization": f"Bearer {claim_token(guarded, workflow, 1, fence)}"}
    async with calling(create_app(database, no_temporal, guarded)) as calls:
        assert (await calls.post(CLAIM, json=body, headers=headers)).status_code == 200
        # The story's next attempt works: the token of the one before is good for neither number.
        await database.write(status.set_story, "allotment", "Story 1.1", attempt=2)
        old = [await calls.post(CLAIM, json=body | {"attempt": each}, headers=headers) for each in (1, 2)]
        await database.write(status.set_story, "allotment", "Story 1.1", attempt=1)
        await database.write(release_holder, workflow)
        ended = await calls.post(CLAIM, json=body, headers=headers)
        other = await calls.post(CLAIM, json=body | {"fence": fence + 1}, headers=headers)
    assert [(each.status_code, each.json()["code"]) for each in old] == [
        (409, "STALE_FENCE"),
        (401, "UNAUTHORIZED"),
    ]
    assert (ended.status_code, ended.json()["code"]) == (409, "STALE_FENCE")
    assert (other.status_code, other.json()["code"]) == (401, "UNAUTHORIZED")
