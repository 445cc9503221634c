"""`mmteb-synth tasks`, `suites`, `languages` and `translators`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mmteb_synth.cli import options, output
from mmteb_synth.errors import UsageError

if TYPE_CHECKING:
    from mmteb_synth.licences import Terms
    from mmteb_synth.listings import NativeListing, TaskListing


@click.command()
@click.option("--suite", metavar="NAME", help="Only the sets of a suite.")
@click.option("--type", "task_type", metavar="TYPE", help="Only sets of one MTEB type, as STS.")
@click.option("--licences", is_flag=True, help="What may be done with each, and who says so.")
@click.option("--native", is_flag=True, help="What MTEB itself holds in --lang, and nobody need translate.")
@click.option("--lang", metavar="LANG", help="The language of --native, as sw, swa-Latn or Swahili.")
@options.as_json
@options.verbosity
def tasks(
    suite: str | None, task_type: str | None, licences: bool, native: bool, lang: str | None, as_json: bool
) -> None:
    """List the sets to translate, or MTEB's in a language."""
    output.set_up()
    from mmteb_synth import listings

    if native != (lang is not None):
        raise UsageError(
            "--native and --lang go together", hint="as in: mmteb-synth tasks --native --lang sw"
        )
    if lang is not None:
        _native_tasks(lang, suite, task_type, licences, as_json)
        return
    rows = listings.list_tasks(suite=suite, type=task_type)
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    if licences:
        _show_licences(rows)
        return
    output.table(
        ("name", "type", "main score", "splits", "samples", "characters", "licence", "defined by"),
        [
            (
                row.name,
                row.type,
                row.main_score,
                ",".join(row.splits),
                row.samples,
                row.characters,
                row.license,
                row.definition,
            )
            for row in rows
        ],
    )


def _show_licences(rows: Sequence[TaskListing | NativeListing]) -> None:
    output.table(
        ("name", "licence", "asks for", "to hand it on", "known beyond MTEB's field"),
        [
            (
                row.name,
                row.terms.licence,
                _asked(row.terms),
                _to_hand_on(row.terms),
                "; ".join(f"{fact.words} [{fact.source}, {fact.checked}]" for fact in row.terms.known),
            )
            for row in rows
        ],
    )


def _asked(terms: Terms) -> str:
    """What must be heeded; that authors are named is not said beside more."""
    return ", ".join(asked for asked in terms.conditions if asked != "attribution") or "".join(
        terms.conditions
    )


def _to_hand_on(terms: Terms) -> str:
    if not terms.may_be_handed_on:
        return "refused"
    return f"accept {' '.join(terms.to_accept)}" if terms.to_accept else "free"


def _native_tasks(lang: str, suite: str | None, task_type: str | None, licences: bool, as_json: bool) -> None:
    from mmteb_synth import languages as known
    from mmteb_synth import listings

    language = known.parse(lang)
    rows = listings.list_native(language.code, suite=suite, type=task_type)
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    if not rows:
        who = f"the suite {suite}" if suite else "MTEB"
        output.warn(f"{who} has no such task in {language.name} ({language.code})")
        return
    if licences:
        _show_licences(rows)
        return
    output.table(
        ("name", "type", "main score", "origin", "splits", "samples", "characters", "licence"),
        [
            (
                row.name,
                row.type,
                row.main_score,
                row.origin,
                ",".join(row.splits),
                row.samples,
                row.characters,
                row.license,
            )
            for row in rows
        ],
    )


@click.command()
@options.as_json
@options.verbosity
def suites(as_json: bool) -> None:
    """List the suites; any MTEB benchmark is one too."""
    output.set_up()
    from mmteb_synth import listings

    rows = listings.list_suites()
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    output.table(
        ("name", "sets", "native", "bitext", "defined by", "description"),
        [
            (
                row.name,
                row.tasks,
                "by language" if row.native is None else row.native,
                row.bitext,
                row.definition,
                row.description,
            )
            for row in rows
        ],
    )


@click.command()
@options.as_json
@options.verbosity
def languages(as_json: bool) -> None:
    """List the languages that MTEB names."""
    output.set_up()
    from mmteb_synth import languages as known

    rows = known.known()
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    output.table(
        ("code", "name", "also", "MTEB tasks"),
        [(row.code, row.name, ",".join(row.alternatives), row.mteb_tasks) for row in rows],
    )


@click.command()
@options.as_json
@options.verbosity
def translators(as_json: bool) -> None:
    """List the translators, and what they need."""
    output.set_up()
    from mmteb_synth.translate import translators as known

    rows = known.available()
    if as_json:
        output.print_json([dataclasses.asdict(row) for row in rows])
        return
    output.table(
        ("name", "usable", "languages", "description"),
        [
            (
                row.name,
                "yes" if row.usable else f"no: {row.why_not}",
                ",".join(row.languages) or "any",
                row.description,
            )
            for row in rows
        ],
    )
