"""The options of `paceline run` for what does not go as planned: late and ahead sprints, lost agents."""

from __future__ import annotations

from typing import Annotated

import typer

from paceline.domain.status import LostAgents, ScopePolicy

LateSprints = Annotated[
    ScopePolicy | None,
    typer.Option(help="Ask what to leave out of a late sprint; default: the repository's, or ask."),
]
AheadSprints = Annotated[
    ScopePolicy | None,
    typer.Option(help="Ask what else to do in a sprint that is ahead; default: the same."),
]
LostAgentsChoice = Annotated[
    LostAgents | None,
    typer.Option(
        "--lost-agents", help="Others take a lost agent's stories, or they wait; default: the repository's."
    ),
]
LostAfterFailures = Annotated[
    int | None,
    typer.Option(
        min=0, max=1000, help="An agent is lost after so many failed stories in a row; 0: never for that."
    ),
]
