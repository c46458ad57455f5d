"""The sweep frees only what it knows to be closed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.context import ActivityContext
from paceline.domain.claims import ClaimRequest, Need
from paceline.store import claims
from tests.world import World
from workers.sweep import sweep

pytestmark = pytest.mark.temporal


async def test_a_namespace_that_is_missing_frees_nobodys_claim(world: World, name: str) -> None:
    request = ClaimRequest(
        claim=name, scope=name, holder=name, project=name, needs=[Need(resource="file:a.txt")]
    )
    await world.database.write(claims.request_claim, request)
    context = ActivityContext(world.database, world.settings, world.client)
    absent = await Client.connect(str(world.settings.temporal_address), namespace=f"absent-{name}", lazy=True)
    with pytest.raises(RPCError):
        await sweep(replace(context, client=absent))
    assert [claim.claim for claim in await world.database.read(claims.list_claims)] == [name]
    assert await sweep(context) == [name]
