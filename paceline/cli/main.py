"""The command line. Every refusal is one sentence on standard error."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated, cast

import typer

from paceline.cli import (
    agents_command,
    claims_commands,
    completion_command,
    doctor_command,
    export_command,
    init_command,
    metric_commands,
    notification_commands,
    people_commands,
    report_commands,
    rollback_commands,
    run_command,
    server_commands,
    shell_command,
    steer_commands,
)
from paceline.cli.agent_commands import app as agent_app
from paceline.cli.audit_commands import app as audit_app
from paceline.cli.bench_commands import app as bench_app
from paceline.cli.plan_commands import app as plan_app
from paceline.cli.plan_files import FAILED, UNREADABLE
from paceline.cli.session_commands import app as session_app
from paceline.cli.terminal import complain, say
from paceline.cli.token_commands import app as token_app
from paceline.cli.webhook_commands import app as webhook_app
from paceline.cli.work_commands import app as work_app
from paceline.errors import PacelineError, PlanUnreadable, Unauthorized

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"paceline {version('paceline')}")
        raise typer.Exit


@app.callback()
def everything(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Runs a markdown sprint plan with agents, durably, and merges their work into git."""


app.add_typer(plan_app, name="plan")
app.add_typer(bench_app, name="bench")
app.add_typer(work_app, name="work")
app.add_typer(agent_app, name="agent")
app.add_typer(token_app, name="token")
app.add_typer(session_app, name="session")
app.add_typer(webhook_app, name="webhook")
app.add_typer(audit_app, name="audit")
for command in (
    run_command.run,
    people_commands.status,
    people_commands.questions,
    people_commands.answer,
    notification_commands.notifications,
    steer_commands.pause,
    steer_commands.resume,
    steer_commands.cancel,
    steer_commands.retry,
    steer_commands.skip,
    steer_commands.reassign,
    steer_commands.reprioritise,
    steer_commands.set_parallel,
    steer_commands.force_complete,
    completion_command.check_completion,
    rollback_commands.rollback,
    metric_commands.metrics,
    metric_commands.measure,
    report_commands.reports,
    report_commands.standup,
    report_commands.review,
    report_commands.retro,
    export_command.export,
    agents_command.agents,
    claims_commands.claims,
    claims_commands.claim,
    server_commands.up,
    server_commands.api,
    server_commands.worker,
    server_commands.migrate,
    doctor_command.doctor,
    init_command.init,
    shell_command.completion,
):
    app.command()(command)


def main() -> None:
    """Run the command line of this process."""
    try:
        app()
    except PacelineError as error:
        _complain(error)
        sys.exit(UNREADABLE if isinstance(error, PlanUnreadable) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        # A person gets a sentence for what nobody foresaw too; the traceback is one variable away.
        if os.environ.get("PACELINE_DEBUG"):
            raise
        complain(f"Unexpected {type(error).__name__}: {error} (PACELINE_DEBUG=1 shows where).")
        sys.exit(FAILED)


def _complain(error: PacelineError) -> None:
    findings = error.details.get("findings")
    complain(error.message)
    if error.code == Unauthorized.code:
        complain(
            "PACELINE_API_TOKEN is what is sent; `paceline token create`, where the API runs, makes one."
        )
    if isinstance(findings, list) and len(cast(list[object], findings)) > 1:
        for finding in cast(list[dict[str, object]], findings):
            where = ":".join(str(finding[name]) for name in ("file", "line") if finding.get(name))
            remedy = f" {finding['remedy']}" if finding.get("remedy") else ""
            complain(f"  {where}: {finding.get('severity')}: {finding.get('message')}{remedy}")


if __name__ == "__main__":
    main()
