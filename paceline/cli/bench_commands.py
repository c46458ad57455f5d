"""`paceline bench`: measure on this machine, beside a comparator from the same run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

ROUNDS = 3

app = typer.Typer(help="Measure Paceline on this machine.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure Paceline on this machine."""


@app.command("overhead")
def measure_overhead(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians are taken.")] = ROUNDS,
    work: Annotated[float, typer.Option(min=0.0, help="Seconds of work a story in the last workload.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time story graphs, beside the same on bare Temporal.

    The agents are simulated; what is told is the makespan.
    """
    # The benchmark brings the whole server side along, which every other command can start without.
    from workers.benchmarks import overhead

    console = Console(stderr=True)
    results = asyncio.run(overhead.measure(rounds, work, console.print))
    if as_json:
        typer.echo(json.dumps([each.report() for each in results], indent=2))
        return
    table = Table(title=f"Overhead: medians of {rounds} interleaved rounds, cap {overhead.CAP}")
    columns = ("workload", "bare s", "Paceline s", "stories/s", "x bare", "makespan / bound", "bare / bound")
    for column in columns:
        table.add_column(column, justify="left" if column == "workload" else "right")
    for each in results:
        ratios = each.ratios()
        table.add_row(
            each.workload,
            _range(each.bare_seconds),
            _range(each.paceline_seconds),
            f"{ratios['paceline_stories_per_second']:.1f}",
            f"{ratios['throughput_over_bare']:.2f}",
            _ratio(ratios["paceline_makespan_over_lower_bound"]),
            _ratio(ratios["bare_makespan_over_lower_bound"]),
        )
    # A file or a pipe has no width of its own, and a narrow table would break its numbers.
    wide = Console()
    (wide if wide.is_terminal else Console(width=130)).print(table)


@app.command("recovery")
def measure_recovery(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians are taken.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time that a kill -9 of the worker adds.

    The graph has 200 stories with 0.5 s of work.
    """
    from workers.benchmarks import recovery

    found = asyncio.run(recovery.measure(rounds, Console(stderr=True).print))
    report = asdict(found) | {"seconds_added": found.seconds_added(), "ratio": found.ratio()}
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    typer.echo(f"undisturbed {_range(found.undisturbed)} s, killed {_range(found.killed)} s")
    typer.echo(f"added {found.seconds_added():.1f} s, ratio {found.ratio():.2f}")


@app.command("events")
def measure_events(
    clients: Annotated[int, typer.Option(min=1, help="WebSocket clients of one project.")] = 100,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=2.0, help="From the first event to the last.")] = 20.0,
    database_url: Annotated[
        str | None, typer.Option(help="A database for this; without it a SQLite file that is removed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time events from their commit to the clients.

    Clients lose their connection meanwhile, the API is killed, and slow and hostile clients come.
    """
    from workers.benchmarks import events

    found = asyncio.run(events.measure(database_url, clients, rate, seconds, Console(stderr=True).print))
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"disturbed_ratio": found.disturbed_ratio}, indent=2))
        return
    table = Table(
        title=f"Commit to client, ms: {found.clients} clients, {found.rate:g} events/s, {found.database}"
    )
    columns = ("part", "p50", "p95", "p99", "max", "events x clients")
    for column in columns:
        table.add_column(column, justify="left" if column == "part" else "right")
    for part, each in found.latency.items():
        table.add_row(part, *(f"{each[step]:.1f}" for step in columns[1:-1]), f"{each['count']:.0f}")
    wide = Console()
    (wide if wide.is_terminal else Console(width=130)).print(table)
    typer.echo(
        f"{found.events} events, {found.reconnects} reconnects, {found.hostile_connects} hostile connects "
        f"({found.refused_connects} refused), lost {found.lost}, doubled {found.doubled}"
    )
    rounds = ", ".join(" and ".join(f"{each[part]:.1f}" for part in each) for each in found.rounds)
    typer.echo(f"p99 steady and disturbed by round: {rounds}; ratio, median {_ratio(found.disturbed_ratio)}")
    up = found.caught_up
    typer.echo(
        f"restart: {found.down_seconds:.1f} s until the API listened, then until a client had everything "
        f"p50 {up['p50']:.0f}, p99 {up['p99']:.0f}, max {up['max']:.0f} ms"
    )
    busy = ", ".join(f"{part} {percent:.0f} %" for part, percent in found.api_cpu_percent.items())
    idle = "-" if found.idle_cpu_percent is None else f"{found.idle_cpu_percent:.1f}"
    listeners = ", ".join(f"{percent:.0f} %" for percent in found.client_cpu_percent)
    typer.echo(
        f"of a core: API idle {idle} %, {busy}; clients {listeners}; load average {found.load_average:.1f}"
    )


@app.command("scale")
def measure_scale(
    stories: Annotated[int, typer.Option(min=100, help="Stories of the run that goes on.")] = 10_000,
    events: Annotated[int, typer.Option(min=1, help="Events that it has before it starts.")] = 1_000_000,
    requests: Annotated[int, typer.Option(min=20, help="Requests to each endpoint.")] = 200,
    database_url: Annotated[
        str | None, typer.Option(help="An empty database; default: a file of SQLite.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time status requests and exports of a large run that goes on.

    Temporal, the worker and the API are processes of their own.
    """
    from workers.benchmarks import scale

    told = Console(stderr=True).print
    found = asyncio.run(scale.measure(stories, events, requests, database_url, told))
    if as_json:
        typer.echo(json.dumps(found.report(), indent=2))
        return
    table = Table(title=f"{stories} stories, {events} events: milliseconds of {requests} requests each")
    for column in ("endpoint", "p50", "p95", "p99", "max", "bytes"):
        table.add_column(column, justify="left" if column == "endpoint" else "right")
    for each in (endpoint.report() for endpoint in found.endpoints):
        table.add_row(
            each["path"], *(f"{each[name]:.1f}" for name in ("p50", "p95", "p99", "max")), str(each["bytes"])
        )
    Console(width=130).print(table)
    for export in found.exports:
        memory = "" if export.megabytes_added is None else f", {export.megabytes_added:.1f} MB more at most"
        typer.echo(f"export of {export.records} records of {export.table}: {export.seconds:.2f} s{memory}")


def _range(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"{ordered[len(ordered) // 2]:.2f} ({ordered[0]:.2f}-{ordered[-1]:.2f})"


def _ratio(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "-"
