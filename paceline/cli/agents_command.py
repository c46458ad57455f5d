"""`paceline agents`: what each agent does now."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from paceline.cli.calling import call_api
from paceline.cli.completing import complete_run
from paceline.cli.parameters import AsJson
from paceline.cli.terminal import complain, printable, say, wide_console
from paceline.cli.watching import View, Watch, watch
from paceline.client.api import ApiClient
from paceline.domain.states import AgentState
from paceline.domain.status import AgentStatus

_STYLE = {
    AgentState.WORKING: "cyan",
    AgentState.WAITING_FOR_HITL: "yellow",
    AgentState.ERROR: "red",
    AgentState.DEAD: "red",
}


def agents(
    project: Annotated[
        str | None, typer.Argument(help="Id of a run; default: all runs.", autocompletion=complete_run)
    ] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Show what each agent does now.

    DEAD is one whose heartbeat stopped while it was working.
    """

    async def look(client: ApiClient) -> list[AgentStatus]:
        if project is not None:
            # Of a run that is not there no agent is known either; this refuses its name.
            await client.get_project(project)
        return await client.agents(project)

    if follow:
        watch(View(look, lambda found, _: agents_table(found), _data, project), as_json)
        return
    found = call_api(look)
    if as_json:
        say(json.dumps(_data(found), indent=2, ensure_ascii=False))
    elif found:
        wide_console().print(agents_table(found))
    else:
        complain("No agent has done anything yet.")


def agents_table(found: list[AgentStatus]) -> Table:
    """Agents, a row each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("agent", "run", "state", "story", "heartbeat", "detail"):
        table.add_column(heading)
    for each in found:
        beat = f"{each.last_heartbeat.astimezone():%Y-%m-%d %H:%M:%S}" if each.last_heartbeat else ""
        cells = (each.agent, each.project, each.state.value, each.story or "", beat, each.detail or "")
        row = [Text(printable(cell)) for cell in cells]
        row[2].stylize(_STYLE.get(each.state, ""))
        table.add_row(*row)
    return table


def _data(found: list[AgentStatus]) -> list[dict[str, object]]:
    return [each.model_dump(mode="json") for each in found]
