"""Parameters that many commands have, with what a shell completes of them."""

from __future__ import annotations

from typing import Annotated

import typer

from paceline.cli.completing import complete_agent, complete_question, complete_run, complete_story

Project = Annotated[str, typer.Argument(help="Id of the run.", autocompletion=complete_run)]
ProjectFilter = Annotated[
    str | None, typer.Option("--project", help="Only this run's.", autocompletion=complete_run)
]
Story = Annotated[
    str | None,
    typer.Option(
        "--story", help="Only this story, or the end of its id: 2.1.", autocompletion=complete_story
    ),
]
OneStory = Annotated[
    str,
    typer.Option("--story", help="Id of the story, or the end of it: 2.1.", autocompletion=complete_story),
]
QuestionId = Annotated[str, typer.Argument(help="Id of the question.", autocompletion=complete_question)]
Agent = Annotated[
    str,
    typer.Argument(help="The agent, as the plan or paceline.toml names it.", autocompletion=complete_agent),
]
Agents = Annotated[
    list[str],
    typer.Option("--agent", help="Who does it; the first leads.", autocompletion=complete_agent),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
