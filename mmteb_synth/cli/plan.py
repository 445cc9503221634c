"""`mmteb-synth plan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmteb_synth.cli import options, output

if TYPE_CHECKING:
    from mmteb_synth.building.budgeting import Offer
    from mmteb_synth.building.plans import Cost, EmbeddingPlan, Plan, ProfilePlan, SetPlan, Volume
    from mmteb_synth.licences import Terms

_ESTIMATE = "~"
_COLUMNS = (
    "set",
    "segments",
    "cached",
    "failed",
    "to ask",
    "characters",
    "of",
    "input tokens",
    "output tokens",
    "$ live",
    "$ batch",
)
_OF_SETS = ("cached", "failed", "of")
"""Columns that only the table of sets has."""


@click.command()
@options.language("A target language, as tr, tur-Latn or Turkish.", required=True)
@options.sets
@click.option("--translator", metavar="NAME", help="Who would translate; by default what is bundled.")
@click.option("--base-url", multiple=True, metavar="URL", help="Another endpoint for the translator.")
@options.repairs
@click.option("--retry-failed", is_flag=True, help="With what was refused, cut off or empty before.")
@click.option(
    "--profile",
    metavar="NAME",
    help="nano, standard or full, or another draw as nano-s7; without, full, and the sizes of all three.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N rows only.")
@click.option("--all-rows", is_flag=True, help="With rows that MTEB never shows a model.")
@click.option(
    "--tokens-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Tokens that one GPU generates in a second: adds GPU-hours.",
)
@click.option(
    "--requests-per-minute",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="The account's limit.",
)
@click.option(
    "--tokens-per-minute",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="The account's limit.",
)
@click.option(
    "--evaluate",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Add what an embedding model behind an API will cost. Repeatable.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Name the largest suite, profile and limit that this pays for, --evaluate included.",
)
@options.source_dir
@options.data_dir
@options.cache_dir
@options.as_json
@options.verbosity
def plan(
    lang: tuple[str, ...],
    task: tuple[str, ...],
    suite: tuple[str, ...],
    translator: str | None,
    base_url: tuple[str, ...],
    fallback: tuple[str, ...],
    repair: bool,
    strict: bool,
    retry_failed: bool,
    profile: str | None,
    limit: int | None,
    all_rows: bool,
    tokens_per_second: float | None,
    requests_per_minute: float | None,
    tokens_per_minute: float | None,
    models: tuple[str, ...],
    budget: float | None,
    source_dir: Path | None,
    data_dir: Path | None,
    cache_dir: Path | None,
    as_json: bool,
) -> None:
    """Show what a build would ask for and cost.

    Nothing is asked or paid. Counts are those of `build` with the same options; ~ marks what is estimated from MTEB's
    statistics where a source can't be read.
    """
    output.set_up()
    from mmteb_synth import languages, listings, paths, registry, selection
    from mmteb_synth.building import BuildOptions, budgeting, planning
    from mmteb_synth.data import profiles
    from mmteb_synth.translate.limits import Limits

    wanted = [languages.parse(name) for name in lang]
    every = [profiles.parse(name) for name in profiles.NAMES] if profile is None else []
    how = BuildOptions(
        translator=translator,
        base_url=base_url,
        source_dir=source_dir,
        fallback=fallback,
        repair=repair,
        strict=strict,
        retry_failed=retry_failed,
        profile=profiles.parse(profile) if profile is not None else profiles.FULL,
        limit=limit,
        all_rows=all_rows,
    )
    folders = paths.folders(cache_dir=cache_dir, data_dir=data_dir)
    if budget is not None:
        named = (
            {", ".join((*suite, *task)): selection.choose(task, suite).members}
            if task or suite
            else {
                row.name: selection.choose((), [row.name]).members
                for row in listings.list_suites()
                if row.definition != "mteb" and row.tasks
            }
        )
        offered = budgeting.offers(wanted, named, options=how, folders=folders, profiles=every, models=models)
        chosen = [*(f"--suite {one}" for one in suite), *(f"--task {one}" for one in task)]
        _show_offers(offered, budgeting.largest(offered, budget), budget, " ".join(chosen), as_json)
        return
    members = selection.choose(task, suite).members
    made = planning.plan(
        wanted,
        members,
        options=how,
        folders=folders,
        models=models,
        tokens_per_second=tokens_per_second,
        limits=Limits(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute),
        profiles=every,
    )
    known = (registry.terms(member.spec) for member in members)
    terms = {one.task: one for one in known}  # bitext has its source's
    if as_json:
        output.print_json(_as_json(made, terms))
    else:
        _show(made, terms)


def _show(made: Plan, terms: Mapping[str, Terms]) -> None:
    rows: list[tuple[str, bool, Volume | None, Cost]] = [
        (one.name, one.exact, one.volume, one.cost) for one in made.sets
    ]
    rows.append(("all together", made.exact and made.complete, made.total, made.cost))
    output.table(_COLUMNS, [_row(*row) for row in rows])
    if made.total.whole > made.total.characters:
        mark = "" if made.exact else _ESTIMATE
        click.echo(
            f"{mark}{made.total.characters:,} of {mark}{made.total.whole:,} characters are translated: "
            "MTEB never embeds the others, or they occur again"
        )
    if made.profiles:
        click.echo()
        _show_profiles(made.profiles)
    if made.total.gaps:
        click.echo(f"{made.total.gaps:,} segments have no translation, and nobody can be asked for them")
    if made.cost.gpu_hours is not None:
        click.echo(f"GPU-hours: {made.cost.gpu_hours:.2f}")
    if made.cost.seconds:
        click.echo(f"time at the translator's limits: {_time(made.cost.seconds)}")
    for embedding in made.embeddings:
        click.echo(_embedding(embedding, made.exact))
    for note, tasks in _by_note(terms).items():
        click.echo(f"licence {note}: {', '.join(tasks)}")
    if not output.is_quiet():
        for note in made.notes:
            click.echo(f"note: {note}", err=True)
        _warn("estimated from MTEB's statistics", [one for one in made.sets if one.error and one.volume])
        _warn("unknown", [one for one in made.sets if one.error and not one.volume])


def _warn(kind: str, sets: Sequence[SetPlan]) -> None:
    """Say why sets could not be read, by the first of them: the others' reasons are mostly the same."""
    if not sets:
        return
    first = sets[0]
    assert first.error is not None
    which = f"{first.name} is" if len(sets) == 1 else f"{len(sets)} sets are"
    output.warn(f"{which} {kind}: {first.error.message}")
    if first.error.hint:
        click.echo(f"hint: {first.error.hint}", err=True)


def _show_profiles(compared: tuple[ProfilePlan, ...]) -> None:
    """The same sets under each profile."""
    places = [place for place, name in enumerate(_COLUMNS) if name not in _OF_SETS]
    rows = [_row(one.profile, one.exact and one.complete, one.total, one.cost) for one in compared]
    output.table(
        ("profile", *(_COLUMNS[place] for place in places[1:])),
        [tuple(row[place] for place in places) for row in rows],
    )


def _by_note(terms: Mapping[str, Terms]) -> dict[str, list[str]]:
    """The sets by their licence and what it asks for."""
    tasks: dict[str, list[str]] = {}
    for task, one in terms.items():
        tasks.setdefault(one.note(), []).append(task)
    return tasks


def _row(name: str, exact: bool, volume: Volume | None, cost: Cost) -> tuple[Any, ...]:
    if volume is None:
        return (name, *("?" for _ in _COLUMNS[1:]))
    mark = "" if exact else _ESTIMATE
    numbers = (
        volume.segments,
        volume.cached,
        volume.failed,
        volume.to_ask,
        volume.characters,
        volume.whole,
        volume.usage.input_tokens,
        volume.usage.output_tokens,
    )
    dollars = [
        f"{mark}{amount:.4f}" if amount is not None else "-" for amount in (cost.dollars, cost.batch_dollars)
    ]
    return (name, *(f"{mark}{number:,}" for number in numbers), *dollars)


def _embedding(embedding: EmbeddingPlan, exact: bool) -> str:
    mark = "" if exact else _ESTIMATE
    if embedding.dollars is None:
        return f"{embedding.model}: {mark}{embedding.tokens:,} tokens to embed; its price is not on record"
    return (
        f"{embedding.model}: {mark}{embedding.tokens:,} tokens to embed, {mark}${embedding.dollars:.4f} "
        f"(${embedding.price:g} a million on {embedding.date})"
    )


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _show_offers(
    offered: tuple[Offer, ...], best: Offer | None, budget: float, chosen: str, as_json: bool
) -> None:
    """What was tried and what fits, with the arguments that choose it; `chosen` are the user's own."""
    import dataclasses

    if as_json:
        rows = [dataclasses.asdict(offer) for offer in offered]
        output.print_json({"offers": rows, "best": dataclasses.asdict(best) if best else None})
        return
    output.table(
        ("suite", "profile", "limit", "segments", "$ live"),
        [
            (
                offer.suite,
                offer.profile,
                offer.limit or "none",
                f"{'' if offer.exact else _ESTIMATE}{offer.segments:,}",
                "unknown"
                if offer.dollars is None
                else f"{'' if offer.exact else _ESTIMATE}{offer.dollars:.4f}",
            )
            for offer in offered
        ],
    )
    if best is None:
        click.echo(f"${budget:g} pays for none of them")
    else:
        profile = f" --profile {best.profile}" if best.profile != "full" else ""
        limit = f" --limit {best.limit}" if best.limit else "" if profile else ", whole"
        sets = chosen or f"--suite {best.suite}"
        click.echo(f"the largest that ${budget:g} pays for: {sets}{profile}{limit}")


def _as_json(made: Plan, terms: Mapping[str, Terms]) -> dict[str, Any]:
    import dataclasses

    values = dataclasses.asdict(made)
    for one, row in zip(made.sets, values["sets"], strict=True):
        row["error"] = one.error.message if one.error else None
    licences = {task: dataclasses.asdict(one) for task, one in terms.items()}
    return {**values, "exact": made.exact, "complete": made.complete, "licences": licences}
