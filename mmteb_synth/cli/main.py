"""The group of commands, and how errors reach the user."""

from __future__ import annotations

from typing import Any

import click

from mmteb_synth._version import __version__
from mmteb_synth.cli import options, output
from mmteb_synth.cli.batches import batches
from mmteb_synth.cli.board import demo, leaderboard
from mmteb_synth.cli.build import build
from mmteb_synth.cli.cache import cache
from mmteb_synth.cli.check import check
from mmteb_synth.cli.embeddings import embeddings
from mmteb_synth.cli.evaluate import evaluate
from mmteb_synth.cli.export import export
from mmteb_synth.cli.fetch import fetch
from mmteb_synth.cli.listing import languages, suites, tasks, translators
from mmteb_synth.cli.pilot import pilot
from mmteb_synth.cli.plan import plan
from mmteb_synth.cli.review import review
from mmteb_synth.cli.serve import serve
from mmteb_synth.cli.status import status
from mmteb_synth.cli.validate import sampling_agreement, validate
from mmteb_synth.errors import Stopped, SynthError
from mmteb_synth.stopping import INTERRUPTED

_KEPT = "everything that was finished is kept, run the command again to go on"


class _Commands(click.Group):
    """Lists commands in the order of their use, and turns errors into one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SynthError as error:
            output.fail(error.message, error.hint, error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(f"interrupted; {_KEPT}", err=True)
            ctx.exit(INTERRUPTED)
        except SystemExit as stop:
            if stop.code == Stopped.exit_code:
                click.echo(f"stopped; {_KEPT}", err=True)
            raise
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise  # click's own
        except OSError as error:
            output.fail(
                str(error),
                "see whether it can be read and written, and that no disk is full (TMPDIR too)",
                error,
            )
            ctx.exit(1)
        except Exception as error:  # noqa: BLE001  a user is shown no traceback, whatever went wrong
            output.fail(
                f"{type(error).__name__}: {error}",
                "this should not happen: run it again with --debug and please report what it prints",
                error,
            )
            ctx.exit(1)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="mmteb-synth")
@options.verbosity
def cli() -> None:
    """MTEB, the benchmark of text embedding models, translated into every language.

    \b
    mmteb-synth build --lang tr               translate sets and store them
    mmteb-synth evaluate -m MODEL --lang tr   score a model on them
    mmteb-synth leaderboard                   who is best
    """  # noqa: D301  the backspace is click's mark for lines that stay as they are


for command in (
    build,
    check,
    evaluate,
    leaderboard,
    validate,
    sampling_agreement,
    demo,
    plan,
    pilot,
    review,
    export,
    tasks,
    suites,
    languages,
    translators,
    fetch,
    serve,
    status,
    cache,
    embeddings,
    batches,
):
    cli.add_command(command)
