"""`mmteb-synth evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from mmteb_synth.cli import options, output
from mmteb_synth.errors import UsageError


@click.command()
@click.option(
    "-m",
    "--model",
    "model",
    multiple=True,
    required=True,
    metavar="MODEL",
    help="A name that MTEB or the Hub knows, a folder, or package.module:callable. Repeatable.",
)
@options.language("A language; by default all that were built, and English (en).")
@options.sets
@click.option("--translator", multiple=True, metavar="NAME", help="Only this translator's sets. Repeatable.")
@options.profiles
@click.option("--model-name", metavar="ORG/NAME", help="The name that a folder or callable is known by.")
@click.option("--revision", metavar="REV", help="The model's revision on the Hub.")
@click.option(
    "--prompt", "prompt", multiple=True, metavar='KEY="TEXT"', help='As query="query: ". Repeatable.'
)
@click.option("--prompts-like", metavar="NAME", help="The prompts of another model of MTEB's registry.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Texts a batch.",
)
@click.option("--device", metavar="DEVICE", help="As cpu or cuda:0.")
@click.option("--dtype", metavar="DTYPE", help="float32, float16 or bfloat16.")
@click.option(
    "--max-seq-length", type=click.IntRange(min=1), metavar="N", help="Tokens at which texts are cut."
)
@click.option("--trust-remote-code", is_flag=True, help="Run the code that the model brings from the Hub.")
@click.option(
    "--predictions",
    is_flag=True,
    help="Keep the models' predictions beside the scores, for the leaderboard's intervals over examples.",
)
@click.option(
    "--embedding-cache/--no-embedding-cache",
    default=True,
    help="Keep embeddings below --cache-dir, and compute none twice, over tasks, languages and runs.",
    show_default=True,
)
@options.offline("Ask the Hub for nothing: models and data must be here.", exposed=False)
@options.source_dir
@options.data_dir
@options.cache_dir
@options.results_dir
@options.verbosity
def evaluate(
    model: tuple[str, ...],
    lang: tuple[str, ...],
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: tuple[str, ...],
    profile: tuple[str, ...],
    model_name: str | None,
    revision: str | None,
    prompt: tuple[str, ...],
    prompts_like: str | None,
    batch_size: int,
    device: str | None,
    dtype: str | None,
    max_seq_length: int | None,
    trust_remote_code: bool,
    predictions: bool,
    embedding_cache: bool,
    source_dir: Path | None,
    data_dir: Path | None,
    cache_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Score models on what was built, and on English.

    Without --task and --suite on all that was built; English is built where it is missing. A score of the very same
    data is not made again. A model or set that fails doesn't stop the others. Scores are printed times 100.
    """
    output.set_up()
    prompts = _prompts(prompt)
    from mmteb_synth import api

    report = api.evaluate(
        list(model),
        languages=lang or None,
        tasks=task,
        suite=suite,
        translator=translator,
        profile=profile,
        model_name=model_name,
        revision=revision,
        prompts=prompts,
        prompts_like=prompts_like,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        max_seq_length=max_seq_length,
        trust_remote_code=trust_remote_code,
        predictions=predictions,
        embedding_cache=embedding_cache,
        source_dir=source_dir,
        data_dir=data_dir,
        cache_dir=cache_dir,
        results_dir=results_dir,
        show_progress=output.shows_progress(),
        report=output.task_report,
        warn=output.warn,
    )
    if not report.ok:
        raise click.exceptions.Exit(report.exit_code)


def _prompts(given: tuple[str, ...]) -> dict[str, str] | None:
    """`key=text` pairs; None where no flag was given, which means the model's own."""
    if not given:
        return None
    prompts = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(
                f"--prompt {pair!r} is not KEY=TEXT", hint='write it as --prompt query="query: "'
            )
        if key in prompts:
            raise UsageError(f"--prompt {key} is given twice", hint="give one of them")
        prompts[key] = text
    return prompts
