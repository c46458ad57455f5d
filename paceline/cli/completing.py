"""What a shell may complete of a running API: ids of runs, stories, agents and questions.

A shell waits for it at every press of the key, so there is a short limit; without an API, or with one that
refuses, nothing is offered and nothing is said. What a plan wrote reaches the shell only where it has no
sign of the shell's language, as zsh evaluates what it is given.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

import httpx2
import typer

from paceline.settings import Settings

SECONDS = 1.0
"""The longest time for all of it."""
_RUNS = 100
_SAFE = re.compile(r"[\w.@/+-]+", re.ASCII)
_HELP_LIMIT = 60

Offers = list[tuple[str, str]]


def complete_run(incomplete: str) -> Offers:
    """Ids of runs, the newest first, with their titles."""
    found = _ask("projects", limit=str(_RUNS))
    return _offers(incomplete, ((each["id"], f"{each['state']} {each['title']}") for each in found))


def complete_story(ctx: typer.Context, incomplete: str) -> Offers:
    """Stories of the run that was named before, by what a person types: `1.1` for `Story 1.1`."""
    project = ctx.params.get("project")
    found = _ask(f"projects/{quote(str(project), safe='')}/stories") if project else []
    ends = [str(each["id"]).split()[-1:] for each in found]
    names = [
        end[0] if end and ends.count(end) == 1 else str(each["id"])
        for each, end in zip(found, ends, strict=True)
    ]
    told = [f"{each['state']} {each['title']}" for each in found]
    return _offers(incomplete, zip(names, told, strict=True))


def complete_agent(ctx: typer.Context, incomplete: str) -> Offers:
    """Agents of the run that was named before."""
    project = ctx.params.get("project")
    found = _ask("agents/status", project=str(project)) if project else []
    return _offers(incomplete, ((each["agent"], each["state"]) for each in found))


def complete_question(incomplete: str) -> Offers:
    """Ids of open questions, with what is asked."""
    found = _ask("questions")
    return _offers(incomplete, ((each["id"], f"{each['kind']} {each['text']}") for each in found))


def _offers(incomplete: str, found: Iterable[tuple[object, str]]) -> Offers:
    """What begins as typed, without what a shell would read as more than a word."""
    return [
        (str(name), " ".join(re.findall(r"[\w.,-]+", told))[:_HELP_LIMIT])
        for name, told in found
        if str(name).startswith(incomplete) and _SAFE.fullmatch(str(name))
    ]


def _ask(path: str, **params: str) -> list[dict[str, Any]]:
    """A list of the API; empty where there is none in time."""
    try:
        return asyncio.run(_within(path, params))
    except Exception:
        return []


async def _within(path: str, params: dict[str, str]) -> list[dict[str, Any]]:
    settings = Settings()
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with asyncio.timeout(SECONDS):
        async with httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http:
            reply = await http.get(f"{settings.base_url}/api/v1/{path}", params=params)
    found: object = reply.json() if reply.status_code == 200 else []
    return cast(list[dict[str, Any]], found) if isinstance(found, list) else []
