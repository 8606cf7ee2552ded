"""``parvis``: the command of operators, trainers and developers.

Commands import what they need when they run, so that each starts fast.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)

app = typer.Typer(help="First-line social customer service on Messenger and X.", no_args_is_help=True)
dead_letters = typer.Typer(help="What could not be handled, with the reason.", no_args_is_help=True)
channels = typer.Typer(help="The brand's accounts on Messenger and X.", no_args_is_help=True)
users_app = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(users_app, name="users")
tickets = typer.Typer(help="Tickets, by their reference.", no_args_is_help=True)
emails = typer.Typer(help="E-mails to teams that were given up, with the reason.", no_args_is_help=True)
app.add_typer(tickets, name="tickets")
app.add_typer(emails, name="failed-emails")
app.add_typer(channels, name="channels")


def main() -> None:
    """Errors that a person can mend are one line, without a traceback."""
    from bot.configuration import ConfigurationError

    try:
        app()
    except ConfigurationError as error:
        errors.print(f"[bold red]{error}[/]", highlight=False, soft_wrap=True)
        sys.exit(2)


def _settings() -> Any:
    from bot.configuration import load_settings

    return load_settings()


# All processes


@app.command()
def up(
    foreground: Annotated[bool, typer.Option(help="Stay, and stop everything on Ctrl-C.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds until all must be ready.")] = 300.0,
) -> None:
    """Start everything; exit 0 when all is ready."""
    from bot.startup import start_all, stay_until_interrupted

    settings = _settings()
    start_all(settings, console, timeout)
    if foreground:
        stay_until_interrupted(settings, console)


@app.command()
def status(
    wait: Annotated[float, typer.Option(help="Seconds to wait until all is ready.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every process; exit 0 when all is ready."""
    from bot.startup import status_table
    from bot.supervisor import Supervisor

    supervisor = Supervisor(_settings())
    deadline = time.monotonic() + wait
    while True:
        try:
            statuses = supervisor.statuses()
        except OSError:
            statuses = []
        ready = bool(statuses) and all(one.ready for one in statuses)
        if ready or time.monotonic() >= deadline:
            break
        time.sleep(0.5)
    if as_json:
        fields = [
            {"name": one.spec.name, "pid": one.pid, "state": one.state, "problem": one.problem} for one in statuses
        ]
        console.print_json(json.dumps(fields))
    elif statuses:
        console.print(status_table(statuses))
    else:
        console.print("Nothing is running. Start it with: parvis up")
    raise typer.Exit(0 if ready else 1)


@app.command()
def down() -> None:
    """Stop everything."""
    from bot.supervisor import Supervisor

    stopped = Supervisor(_settings()).stop()
    console.print("All is stopped." if stopped else "Nothing was running.")


# One process each, for operators who bring their own supervisor


@app.command(rich_help_panel="One process")
def redis() -> None:
    """Run the embedded Valkey, with its append-only file."""
    from bot.embedded import valkey_command

    command = valkey_command(_settings())
    os.execv(command[0], command)  # noqa: S606 -- a fixed argument list


@app.command(rich_help_panel="One process")
def rasa() -> None:
    """Run the Rasa server on loopback."""
    from bot.embedded import rasa_process

    command, environment = rasa_process(_settings())
    os.execve(command[0], command, environment)  # noqa: S606 -- a fixed argument list


@app.command(rich_help_panel="One process")
def actions() -> None:
    """Run the action server."""
    from bot.bootstrap import run_actions

    run_actions(_settings())


@app.command(rich_help_panel="One process")
def gateway() -> None:
    """Run the gateway that receives webhooks."""
    from bot.bootstrap import run_gateway

    run_gateway(_settings())


@app.command(rich_help_panel="One process")
def worker() -> None:
    """Run a worker: inbox to assistant to outbox."""
    from bot.bootstrap import run_worker

    run_worker(_settings())


@app.command(rich_help_panel="One process")
def sender() -> None:
    """Run a sender: outbox to platforms."""
    from bot.bootstrap import run_sender

    run_sender(_settings())


@app.command(rich_help_panel="One process")
def desk() -> None:
    """Run the desk's deliveries: e-mails to teams, and the message log."""
    from bot.bootstrap import run_desk

    run_desk(_settings())


@app.command(name="console", rich_help_panel="One process")
def console_process() -> None:
    """Run the console, where agents, trainers and leads sign in."""
    from bot.bootstrap import run_console

    run_console(_settings())


@app.command(rich_help_panel="One process")
def simulator() -> None:
    """Run the simulator of Messenger, X and a mailbox."""
    from bot.configuration import environment_of

    command = [sys.executable, "-m", "simulator"]
    os.execve(command[0], command, {**os.environ, **environment_of(_settings())})  # noqa: S606 -- fixed


# People


@users_app.command("invite")
def invite(
    email: Annotated[str, typer.Argument(help="Who it is for.")],
    name: Annotated[str, typer.Option(help="Needed for somebody new.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="agent, trainer, lead or admin; may be repeated.")] = None,
) -> None:
    """Print a link with which somebody chooses a password: an account is made if there is none."""
    from bot.operate import print_invitation

    print_invitation(_settings(), console, email, name, role or [])


# The assistant


@app.command()
def train(force: Annotated[bool, typer.Option(help="Train even when nothing changed.")] = False) -> None:
    """Validate the data, train, and publish the model."""
    from bot.startup import train_with_progress

    train_with_progress(_settings(), console, force=force)


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="One JSON object a line: text, and lang, disposition, acceptable, …")],
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the scores to this file.")] = None,
    typed: Annotated[str, typer.Option(help="well; plainly (no accents or capitals); with-slips (one in 15)")] = "well",
) -> None:
    """Score labelled messages with the published model."""
    from bot.startup import evaluate_file

    evaluate_file(file, json_out, typed, console)


@app.command("evaluate-masking")
def evaluate_masking(
    file: Annotated[Path, typer.Argument(help="One JSON object a line: text, lang, spans of start, end and kind")],
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the scores to this file.")] = None,
) -> None:
    """Measure the masking of personal data on labelled messages."""
    from bot.startup import evaluate_masking_file

    evaluate_masking_file(file, json_out, _settings(), console)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="gateway, turn, start; empty for these three; nlu")] = "",
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")] = None,
    train: Annotated[Path | None, typer.Option(help="nlu: one JSON object a line, text and intent")] = None,
    test: Annotated[Path | None, typer.Option(help="nlu: the same, to measure with")] = None,
    val: Annotated[Path | None, typer.Option(help="nlu: a third file, measured too; nothing is tuned on it")] = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="nlu: train the pipeline of rasa init, too")] = False,
) -> None:
    """Measure, each figure beside its baseline in the same run."""
    from benchmarks.command import run_benchmarks, run_nlu_benchmark
    from bot.configuration import ConfigurationError

    if name != "nlu":
        run_benchmarks(name, json_out, console)
    elif train and test:
        run_nlu_benchmark(train, test, val, baseline, json_out, console)
    else:
        raise ConfigurationError("bench nlu needs --train FILE and --test FILE")


# Dead letters


@dead_letters.command("list")
def list_dead_letters(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(help="The oldest so many.")] = 100,
) -> None:
    """List them, oldest first. Contents are not shown: they are personal data."""
    from bot.operate import print_dead_letters

    print_dead_letters(_settings(), console, as_json=as_json, limit=limit)


@dead_letters.command("replay")
def replay_dead_letters(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids from the list.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Replay all.")] = False,
) -> None:
    """Put them back at the end of the stream they came from."""
    from bot.operate import replay

    replay(_settings(), console, ids or [], every=every)


@dead_letters.command("drop")
def drop_dead_letters(ids: Annotated[list[str], typer.Argument(help="Ids from the list.")]) -> None:
    """Forget them for ever."""
    from bot.operate import drop

    drop(_settings(), console, ids)


# The desk


@tickets.command("resolve")
def resolve_ticket(reference: Annotated[str, typer.Argument(help="As its e-mails have it: ML-7K3-FQ2")]) -> None:
    """The team has answered; what the customer writes next on the same topic reopens it."""
    from bot.operate_desk import resolve

    resolve(_settings(), console, reference)


@tickets.command("close")
def close_ticket(reference: Annotated[str, typer.Argument(help="As its e-mails have it: ML-7K3-FQ2")]) -> None:
    """Nothing more is to come of it."""
    from bot.operate_desk import close

    close(_settings(), console, reference)


@emails.command("list")
def list_failed_emails(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(help="The newest so many.")] = 100,
) -> None:
    """List them, newest first."""
    from bot.operate_desk import print_failed_emails

    print_failed_emails(_settings(), console, as_json=as_json, limit=limit)


@emails.command("put-back")
def put_back_failed_emails() -> None:
    """Send them all again, once the cause is mended."""
    from bot.operate_desk import put_back_emails

    put_back_emails(_settings(), console)


@app.command()
def purge(
    days: Annotated[int | None, typer.Option(help="Keep so many days; PARVIS_RETENTION_DAYS unless given.")] = None,
) -> None:
    """Remove personal data that is old enough; the desk does so every day."""
    from bot.operate_desk import purge_now

    purge_now(_settings(), console, days)


@app.command()
def forget(conversation: Annotated[str, typer.Argument(help="channel:account:user, as a ticket names it")]) -> None:
    """A customer asked to be forgotten: remove their messages and the person from their tickets."""
    from bot.operate_desk import forget as forget_now

    forget_now(_settings(), console, conversation)


# Channels


@channels.command("register")
def register_channels(name: Annotated[str, typer.Argument(help="messenger or x; empty for all")] = "") -> None:
    """Subscribe the page or register the webhook, and verify it."""
    from bot.operate import register

    register(_settings(), console, name)


@channels.command("check")
def check_channels(name: Annotated[str, typer.Argument(help="messenger or x; empty for all")] = "") -> None:
    """Ask each platform whether our webhook is subscribed and valid."""
    from bot.operate import check

    check(_settings(), console, name)


@channels.command("resume")
def resume_channel(name: Annotated[str, typer.Argument(help="messenger or x")]) -> None:
    """Send again on a channel that was paused, once its cause is mended."""
    from bot.operate import resume

    resume(_settings(), console, name)


if __name__ == "__main__":
    main()
