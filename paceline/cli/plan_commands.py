"""`paceline plan`: what a plan says, what is wrong with it, how it would run, and what an edit changes."""

from __future__ import annotations

import typer

from paceline.cli.plan_accept import accept
from paceline.cli.plan_amend import amend
from paceline.cli.plan_check import check, explain
from paceline.cli.plan_import import import_stories
from paceline.cli.plan_preview import preview
from paceline.cli.plan_propose import propose
from paceline.cli.plan_show import schema, show

app = typer.Typer(
    name="plan",
    help="Read a plan without running it, or amend one that runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (show, schema, check, explain, preview, propose, accept, amend):
    app.command()(command)
app.command("import")(import_stories)
