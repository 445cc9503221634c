"""What must be said beside the numbers: trials, gaps, kept English, weak translators."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmteb_synth.markdown import escape
from mmteb_synth.ranking.flagged import FLAG, FLAGGED
from mmteb_synth.ranking.results import Model, Score
from mmteb_synth.ranking.table import Group, Row, Table
from mmteb_synth.statistics.bootstrap import FEWEST

BITEXT_MARK = "†"

_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a certificate says of one table.

    Attributes:
        suite: The table's suite.
        language: Its language.
        translator: Its translator, with the mark of overridden settings.
        profile: Its profile.
        revisions: The sets that were compared, and the revisions of their data.
        text: The verdict.
        file: Where the certificate lies, from the results folder.
    """

    suite: str
    language: str
    translator: str
    profile: str
    revisions: Mapping[str, str]
    text: str
    file: str


def validity_notes(group: Group, table: Table, certified: Iterable[Certified]) -> list[str]:
    """What certificates say of a table of whole sets, as Markdown.

    Args:
        group: The table's group.
        table: The table of one language.
        certified: All certificates.
    """
    here = (group.suite, table.language, group.label, group.profile)
    held = {
        score.signed.task: score.signed.dataset_revision for score in table.scores if not score.signed.bitext
    }
    notes = []
    for one in certified:
        if group.limit is None and (one.suite, one.language, one.translator, one.profile) == here:
            is_current = held.items() <= one.revisions.items()
            said = (
                escape(one.text)
                if is_current
                else "not known; the certificate is of other data of these sets."
            )
            notes.append(f"Validity: {said} Certificate: `{one.file}`.")
    return notes


def group_notes(group: Group, *, bitext: bool) -> list[str]:
    """What holds for all tables of a group, as Markdown.

    Args:
        group: The tables.
        bitext: Whether bitext sets count.
    """
    scores = [score for table in group.languages for score in table.scores]
    notes = []
    if group.profile != "full":
        notes.append(
            f"Sets were cut down to the profile {escape(group.profile)} (`--profile {group.profile}`): comparable "
            "with scores of this profile only."
        )
    if group.limit is not None:
        notes.append(
            f"A trial on the first {group.limit} rows of each set (`--limit {group.limit}`): not comparable with "
            "scores of whole sets."
        )
    weak = {score.label for score in scores if score.signed.grade == "demonstration"}
    notes.extend(
        f"Translations by {escape(label)} are of demonstration grade: they show that the way works, not how well a "
        "model knows the language."
        for label in sorted(weak)
    )
    origins = sorted({score.signed.origin for score in scores})
    if any("+" in table.origin for table in group.languages):
        notes.append(f"Means are taken across origins, as asked: {', '.join(origins)}.")
    if has_bitext(group):
        counted = "Counted in ranks and means, as asked." if bitext else "Not in ranks and means."
        notes.append(
            f"{BITEXT_MARK} Bitext mining finds each English text's translation, so that it measures the translator "
            f"as well as the model. {counted}"
        )
    tables = [*group.languages, *([group.overall] if group.overall else [])]
    if any(table.drawn == "examples" for table in tables):
        notes.append(
            f"With fewer than {FEWEST} tasks, groups come from draws of examples: they say who is better on these tasks, "
            "not on others."
        )
    types = {name for table in group.languages for row in table.rows for name in row.types}
    notes.extend(
        f"{FLAG} {escape(name)} carries hardly any rank signal: {escape(FLAGGED[name])}. It counts in ranks and means as "
        f"in MTEB; Mean without {FLAG} leaves it out."
        for name in sorted(types & FLAGGED.keys())
    )
    return notes


def has_bitext(group: Group) -> bool:
    """Whether there is a score in a set made of translations and their sources."""
    return any(score.signed.bitext for table in group.languages for score in table.scores)


def overall_notes(table: Table, names: Mapping[Model, str]) -> list[str]:
    """Which means over all languages stay empty, as Markdown.

    Args:
        table: The one over all languages.
        names: Model -> how it is called.
    """
    return [
        f"{names[row.model]} has {row.n_scored} of {row.n_tasks} scores; a mean over a missing one stays empty."
        for row in table.rows
        if row.missing
    ]


def table_notes(table: Table, names: Mapping[Model, str]) -> list[str]:
    """What holds for one language's table, as Markdown.

    Args:
        table: The table.
        names: Model -> how it is called.
    """
    return [*_missing_notes(table.rows, names), *_set_notes(table, names)]


def _missing_notes(rows: Sequence[Row], names: Mapping[Model, str]) -> list[str]:
    nobody = set.intersection(*(set(row.missing) for row in rows)) if rows else set()
    notes = []
    if nobody:
        notes.append(f"No model has a score in {_listing(nobody)}; a mean over a missing score stays empty.")
    for row in rows:
        own = set(row.missing) - nobody
        if own:
            notes.append(
                f"{names[row.model]} has no score in {_listing(own)}: what is missing leaves its means empty and brings "
                f"no Borda points, and Δ English is over the {row.n_common} tasks with both scores."
            )
    return notes


def _set_notes(table: Table, names: Mapping[Model, str]) -> list[str]:
    """What was recorded with the sets; where it was for some of a set's models only, these are named."""
    models: dict[str, set[Model]] = defaultdict(set)
    noted: dict[tuple[str, str], set[Model]] = defaultdict(set)
    for score in table.scores:
        name = score.cell[1]
        models[name].add(score.model)
        if said := _said(score):
            noted[name, said].add(score.model)
    sets: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (name, said), who in noted.items():
        only = "" if who == models[name] else ", ".join(sorted(names[model] for model in who))
        sets[said, only].add(name)
    return [
        f"{'All sets' if len(found) == len(models) > 1 else _listing(found)}: "
        f"{escape(said)}{f' ({only} only)' if only else ''}."
        for (said, only), found in sorted(sets.items(), key=lambda item: (sorted(item[1]), item[0]))
    ]


def _said(score: Score) -> str:
    """What was recorded with a score, and how much of its set is translated where that is not all."""
    said = [note.rstrip(".") for note in score.signed.notes]
    coverage = score.signed.coverage
    if coverage is not None and coverage < 1:
        said.append(f"{math.floor(10_000 * coverage) / 100:g} % of the segments are translated")
    return "; ".join(said)


def _listing(names: Iterable[str]) -> str:
    ordered = sorted(names)
    listed = ", ".join(escape(name) for name in ordered[:_LISTED])
    more = len(ordered) - _LISTED
    return f"{listed} and {more} more" if more > 0 else listed
