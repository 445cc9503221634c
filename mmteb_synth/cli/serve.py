"""`mmteb-synth serve`."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import click

from mmteb_synth.cli import options, output


@click.command()
@click.argument("name")
@click.option(
    "--weights",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the weights, instead of the Hub; MMTEB_SYNTH_WEIGHTS names one too.",
)
@click.option(
    "--vllm-python",
    metavar="PYTHON",
    help="The Python that vLLM is installed for, instead of MMTEB_SYNTH_VLLM_PYTHON or the first vllm on the PATH.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="The first server's port; each further one takes the next.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the commands and start nothing.")
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAG ...]")
@options.verbosity
def serve(
    name: str,
    weights: Path | None,
    vllm_python: str | None,
    host: str,
    port: int,
    only_print: bool,
    flags: tuple[str, ...],
) -> None:
    """Serve an open model on this machine's GPUs.

    vLLM serves it until Ctrl-C.

    As many servers are started as the model fits on the GPUs; where it does not, the same model in fewer bits is
    served, which is a translator of its own. What follows -- goes to `vllm serve` as it is.
    """
    output.set_up()
    from mmteb_synth.translate import translators
    from mmteb_synth.translate.vllm import environment, hardware, servers, serving
    from mmteb_synth.translate.vllm import flags as further

    preset = translators.servable(name)
    given = further.read(flags)
    vllm = environment.find(vllm_python)
    gpus = () if vllm.on_cpu else hardware.find_gpus(os.environ)
    if weights is None:
        weights = environment.weights()
    weights = weights.absolute() if weights else None
    placed = serving.placement(preset, vllm, gpus, weights=weights, together=given.divide_gpus)
    translator = name if placed.preset is preset else placed.preset.name
    plan = serving.plan(placed, vllm, translator=translator, host=host, port=port, flags=given)
    if placed.preset is not preset:
        output.warn(
            f"{name} does not fit on {hardware.describe(gpus)}: serving {translator}, whose translations are its own"
        )
    if vllm.on_cpu:
        output.warn(f"vLLM {vllm.version} is a build for processors: for trials only")
    for server in plan.servers:
        click.echo(server.line, err=not only_print)
    if only_print:
        return
    with _until_stopped(), servers.started(plan) as running:
        servers.wait_until_ready(plan, running, _say)
        for server in plan.servers:
            click.echo(server.url)
        click.echo(plan.build_line)
        servers.wait_until_ended(running, _say)


def _say(line: str) -> None:
    if not output.is_quiet():
        click.echo(line, err=True)


@contextlib.contextmanager
def _until_stopped() -> Iterator[None]:
    """End quietly at Ctrl-C, SIGTERM, and SIGHUP unless that is ignored: to be stopped is how a server ends well."""
    numbers = [
        number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN
    ]
    earlier = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
