"""The verb: scores on disk -> a leaderboard."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmteb_synth import facts, paths
from mmteb_synth.errors import SynthError, UnknownNameError
from mmteb_synth.languages import parse, same
from mmteb_synth.listings import list_suites
from mmteb_synth.ranking import export
from mmteb_synth.ranking.examples import Examples
from mmteb_synth.ranking.grouping import make_groups
from mmteb_synth.ranking.notes import Certified
from mmteb_synth.ranking.render import render
from mmteb_synth.ranking.results import ENGLISH, OVERRIDES, Score, plain_name, read_results
from mmteb_synth.ranking.suites import Expected, expected, unlisted, without_parts, worth_showing
from mmteb_synth.ranking.table import Group
from mmteb_synth.statistics.bootstrap import Interval, interval
from mmteb_synth.suites import get_suite
from mmteb_synth.types import Language

if TYPE_CHECKING:
    import pandas as pd

_EVALUATE = "mmteb-synth evaluate --model sentence-transformers/all-MiniLM-L6-v2 --lang tr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard.

    Attributes:
        groups: The tables, those of one suite together.
        scores: Every score that they are made of, English included.
        stale: Names of sets left out because their data changed after they were scored.
        bitext: Whether bitext sets count in ranks and means.
        examples: The 95 % intervals over examples, of the scores whose predictions were kept.
        certified: What certificates say of tables.
    """

    groups: tuple[Group, ...]
    scores: tuple[Score, ...]
    stale: tuple[str, ...]
    bitext: bool
    examples: Mapping[Score, Interval]
    certified: tuple[Certified, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each (model, suite, profile, limit, language, translator), as in leaderboard.csv.

        A row over several languages has the language `mul`.
        Scores are times 100 and unrounded; a missing one is NaN.
        """
        import pandas as pd

        columns = export.leaderboard_columns(self.groups)
        frame = pd.DataFrame(export.leaderboard_rows(self.groups), columns=columns)
        return frame.astype(
            dict.fromkeys(export.WHOLE_NUMBERS, "Int64")
            | dict.fromkeys(export.number_columns(columns), "float64")
        )

    def markdown(self) -> str:
        """The leaderboard for reading, with two digits and its footnotes."""
        return render(self.groups, bitext=self.bitext, stale=self.stale, certified=self.certified)


def leaderboard(
    *,
    suites: Sequence[str] = (),
    languages: Sequence[str] = (),
    translators: Sequence[str] = (),
    models: Sequence[str] = (),
    profiles: Sequence[str] = (),
    results_dir: Path,
    data_dir: Path,
    bitext: bool = False,
    across_origins: bool = False,
) -> Board:
    """Make a leaderboard of the scores on disk.

    Args:
        suites: Names of suites or paths of their files; by default all shipped ones and the user's own that have a
            score, and the scores that are in none.
        languages: In any spelling; by default all. English stands beside them in any case.
        translators: Names of translators, `native`, `human-translated`, or `source` for English; by default all.
        models: Names of models; by default all. Ranks are among those named.
        profiles: Labels of profiles, as `nano`; by default all, each in tables of its own.
        results_dir: What `mteb.ResultCache` takes.
        data_dir: The store of built sets: scores of older data are left out.
        bitext: Take bitext mining, which measures the translator as well, into ranks and means.
        across_origins: Let native and human-translated sets stand in each translator's tables.

    Returns:
        The leaderboard.

    Raises:
        UnknownNameError: A suite, language, translator, model or profile that nothing has.
        SynthError: There is nothing to show, or a file is damaged.
    """
    chosen = [get_suite(name) for name in dict.fromkeys(suites)]
    wanted = [parse(name) for name in languages]
    results = read_results(results_dir, data_dir, _native_revision)
    if not results.scores:
        changed = (
            f"; the data of {', '.join(results.stale)} changed after it was scored" if results.stale else ""
        )
        raise SynthError(f"there are no scores in {results_dir}{changed}", hint=f"make some: {_EVALUATE}")
    _check_known("model", models, {score.model.name for score in results.scores})
    labels = {plain_name(name) for name in translators}
    known = set().union(*(_names_of(score.label) for score in results.scores))
    _check_known("translator", sorted(labels), known)
    _check_known("profile", profiles, {score.signed.profile for score in results.scores})
    scores = _narrowed(results.scores, models, wanted, profiles)

    groups: list[Group] = []
    shown: set[Score] = set()
    examples = Examples(data_dir, results.scores)
    for suite, members in _by_suite(scores, [expected(suite, scores) for suite in chosen]):
        made = make_groups(members, suite, examples.draws, bitext=bitext, across_origins=across_origins)
        kept = _asked_for(made, wanted, labels)
        runs = {(group.profile, group.limit) for group in kept}
        shown.update(score for group in kept for part in group.languages for score in part.scores)
        shown.update(
            score
            for score in members
            if score.signed.language == ENGLISH and (score.signed.profile, score.signed.limit) in runs
        )
        groups += kept
    if not groups:
        raise SynthError(
            f"there are no scores in {results_dir} for this choice of suites, languages, translators and models",
            hint=f"choose fewer, or make some: {_EVALUATE}",
        )
    listed = tuple(score for score in results.scores if score in shown)
    drawn = {score: examples.draws(score) for score in listed}
    return Board(
        groups=tuple(groups),
        scores=listed,
        stale=results.stale,
        bitext=bitext,
        examples={score: interval(draws) for score, draws in drawn.items() if draws is not None},
    )


def write(board: Board, out: Path) -> list[Path]:
    """Write `leaderboard.md`, `leaderboard.csv` and `scores.csv`, each moved into place whole.

    Args:
        board: The leaderboard.
        out: The folder.

    Returns:
        The files written.

    Raises:
        SynthError: The folder can't be written.
    """
    columns = export.leaderboard_columns(board.groups)
    texts = {
        "leaderboard.md": board.markdown(),
        "leaderboard.csv": export.to_csv(columns, export.leaderboard_rows(board.groups)),
        "scores.csv": export.to_csv(export.SCORE_COLUMNS, export.score_rows(board.scores, board.examples)),
    }
    for name, text in texts.items():
        paths.write_text(out / name, text)
    return [out / name for name in texts]


def _native_revision(name: str) -> str | None:
    known = facts.task(name)
    return known.revision if known else None


def _check_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise UnknownNameError(kind, name, known, hint=f"there are scores of: {listed}")


def _names_of(label: str) -> set[str]:
    """The names that a group can be asked for by: the translator's, with and without its overrides, or an origin's."""
    return {
        name
        for part in label.split("+")
        for name in (plain_name(part), re.sub(OVERRIDES, "", plain_name(part)))
    }


def _narrowed(
    scores: Sequence[Score], models: Sequence[str], wanted: Sequence[Language], profiles: Sequence[str]
) -> list[Score]:
    """The scores of some models and profiles in some languages, and their English ones."""
    for language in wanted:
        if not any(same(score.signed.language, language.code) for score in scores):
            raise SynthError(
                f"there are no scores in {language.name} ({language.code})",
                hint=f"make some: mmteb-synth evaluate --model NAME --lang {language.code}",
            )
    codes = [language.code for language in wanted] + [ENGLISH]
    return [
        score
        for score in scores
        if (not models or score.model.name in models)
        and (not profiles or score.signed.profile in profiles)
        and (not wanted or any(same(score.signed.language, code) for code in codes))
    ]


def _by_suite(scores: Sequence[Score], chosen: Sequence[Expected]) -> list[tuple[Expected, list[Score]]]:
    """Suites that have a score, with their scores; without a choice, the rest stands in a suite of its own."""
    candidates = chosen or [
        expected(get_suite(listing.name), scores) for listing in list_suites() if listing.definition != "mteb"
    ]
    held = [(suite, [score for score in scores if suite.holds(score)]) for suite in candidates]
    if chosen:
        empty = [suite.name for suite, members in held if not members]
        if empty:
            raise SynthError(
                f"there are no scores of suite {', '.join(empty)} for this choice",
                hint=f"make some: mmteb-synth build and evaluate with --suite {empty[0]}",
            )
    else:
        held = worth_showing(held)
        listed = {score for _, members in held for score in members}
        rest = without_parts((score for score in scores if score not in listed), among=scores)
        held.append((unlisted(rest), rest))
    return [(suite, members) for suite, members in held if members]


def _asked_for(groups: Iterable[Group], wanted: Sequence[Language], labels: Set[str]) -> list[Group]:
    """The groups of some translators; English has a table of its own unless other languages were asked for."""
    with_english = not wanted or any(language.code == ENGLISH for language in wanted)
    kept = []
    for group in groups:
        parts = tuple(part for part in group.languages if with_english or part.language != ENGLISH)
        if parts and (not labels or _names_of(group.label) & labels):
            kept.append(dataclasses.replace(group, languages=parts))
    return kept
