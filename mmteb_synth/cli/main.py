"""The group of commands, and how errors reach the user."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmteb_synth._version import __version__
from mmteb_synth.cli.board import demo, leaderboard
from mmteb_synth.cli.build import build
from mmteb_synth.cli.cache import cache
from mmteb_synth.cli.evaluate import evaluate
from mmteb_synth.cli.listing import languages, suites, tasks, translators
from mmteb_synth.errors import SynthError


class _Commands(click.Group):
    """Lists commands in the order of their use, and turns errors into one clear line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SynthError as error:
            if "--debug" in sys.argv:
                raise
            click.secho(f"error: {error.message}", fg="red", err=True)
            if error.hint:
                click.echo(f"hint: {error.hint}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted; everything that was finished is kept, run the command again to go on", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="mmteb-synth")
def cli() -> None:
    """MTEB, the benchmark of text embedding models, translated into every language.

    \b
    mmteb-synth build --lang tr               translate sets and store them
    mmteb-synth evaluate -m MODEL --lang tr   score a model on them
    mmteb-synth leaderboard                   who is best
    """


for command in (build, evaluate, leaderboard, demo, tasks, suites, languages, translators, cache):
    cli.add_command(command)
