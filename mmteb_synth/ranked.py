"""Which tables of the leaderboard a comparison is about, as plain numbers: verbs don't know each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmteb_synth.errors import SynthError, UnknownNameError, UsageError
from mmteb_synth.languages import same
from mmteb_synth.ranking import Board, leaderboard
from mmteb_synth.ranking.grouping import english_values, task_values
from mmteb_synth.ranking.results import ENGLISH, OVERRIDES, SOURCE, plain_name
from mmteb_synth.ranking.suites import AS_THEY_ARE, UNLISTED
from mmteb_synth.ranking.table import Group, Table
from mmteb_synth.types import Language
from mmteb_synth.validating.sides import ModelKey, Side

FULL = "full"


def sides(
    language: Language, *, suites: Sequence[str], models: Sequence[str], results_dir: Path, data_dir: Path
) -> list[Side]:
    """The translated tables of a language, those of whole sets.

    Args:
        language: The language; of English the tables of the translator `source`.
        suites: Names of suites; empty for all that have a score.
        models: Names of models; empty for all.
        results_dir: What `mteb.ResultCache` takes.
        data_dir: The store of built sets.

    Raises:
        SynthError: There are no scores, or trials only.
    """
    board = leaderboard(
        suites=suites, languages=[language.code], models=models, results_dir=results_dir, data_dir=data_dir
    )
    tables = [
        (group, table)
        for group in board.groups
        for table in group.languages
        if table.language and same(table.language, language.code) and _is_meant(group, language)
    ]
    whole = [_side(board, group, table) for group, table in tables if group.limit is None]
    if not whole:
        trials = "; there are trials on the first rows, which say nothing of whole sets" if tables else ""
        raise SynthError(
            f"there are no scores on whole translated sets in {language.name} ({language.code}){trials}",
            hint=f"make some: mmteb-synth build --lang {language.code}, and mmteb-synth evaluate -m MODEL --lang {language.code}",
        )
    return whole


def choose(found: Sequence[Side], *, translator: str | None, profile: str | None) -> Side:
    """The one table that is meant.

    Args:
        found: From `sides`.
        translator: Its translator, with or without the mark of overridden settings; None where there is only one.
        profile: Its profile; None for `full`, or the only one.

    Raises:
        UnknownNameError: There are no scores of the translator.
        UsageError: There are several suites, translators or profiles, and none was named.
    """
    if translator is not None:
        found = _of_translator(found, translator)
    if profile is not None:
        held = {side.profile for side in found}
        if profile not in held:
            raise UsageError(
                f"there are no scores of the profile {profile}; there are of {', '.join(sorted(held))}",
                hint=f"make some with --profile {profile}, or name another",
            )
        found = [side for side in found if side.profile == profile]
    elif any(side.profile == FULL for side in found):
        found = [side for side in found if side.profile == FULL]
    for what, names, flag in (
        ("suites", {side.suite for side in found}, "--suite"),
        ("translators", {side.translator for side in found}, "--translator"),
        ("profiles", {side.profile for side in found}, "--profile"),
    ):
        if len(names) > 1:
            listed = sorted(names)
            raise UsageError(
                f"there are scores of several {what}: {', '.join(listed)}",
                hint=f"say which: {flag} {listed[0]!r}",
            )
    (one,) = found
    return one


def other(found: Sequence[Side], side: Side, name: str, *, is_profile: bool) -> Side:
    """The table that another one is held against: another profile's, or another translator's.

    Args:
        found: From `sides`.
        side: The one.
        name: A profile or a translator.
        is_profile: Which of them.

    Raises:
        UsageError: There is none, or it is the same.
    """
    alike = [one for one in found if one.suite == side.suite]
    if is_profile:
        chosen = choose(
            [one for one in alike if one.translator == side.translator], translator=None, profile=name
        )
    else:
        chosen = choose(
            [one for one in alike if one.profile == side.profile], translator=name, profile=side.profile
        )
    if chosen is side:
        raise UsageError(
            f"--against {name} is the board itself", hint="name another translator, or another profile"
        )
    return chosen


def _is_meant(group: Group, language: Language) -> bool:
    if group.suite == UNLISTED:
        return False
    if language.code == ENGLISH:
        return group.label == SOURCE
    return group.label not in AS_THEY_ARE | {SOURCE}


def _of_translator(found: Sequence[Side], name: str) -> list[Side]:
    """The tables of a translator; its own settings go before overridden ones."""
    wanted = plain_name(name)
    exact = [side for side in found if plain_name(side.translator) == wanted]
    near = [side for side in found if re.sub(OVERRIDES, "", plain_name(side.translator)) == wanted]
    if not exact and not near:
        known = sorted({side.translator for side in found})
        raise UnknownNameError("translator", name, known, hint=f"there are scores of: {', '.join(known)}")
    return exact or near


def _side(board: Board, group: Group, table: Table) -> Side:
    counted = [score for score in table.scores if not score.signed.bitext]
    run = [
        score
        for score in board.scores
        if (score.signed.profile, score.signed.limit) == (group.profile, group.limit)
    ]
    tasks: dict[str, str | None] = {name: None for row in table.rows for name in row.missing}
    tasks |= {score.cell[1]: score.signed.task_type for score in counted}
    scores: dict[ModelKey, dict[str, float]] = {}
    for key, part in task_values(counted).items():
        if part.value is not None:
            scores.setdefault(ModelKey(key.model.name, key.model.revision), {})[key.task] = part.value
    english: dict[ModelKey, dict[str, float]] = {}
    for (model, task), part in english_values(run).items():
        if task in tasks and part.value is not None:
            english.setdefault(ModelKey(model.name, model.revision), {})[task] = part.value
    return Side(
        suite=group.suite,
        demo=group.demo,
        language=str(table.language),
        translator=group.label,
        profile=group.profile,
        tasks=tasks,
        revisions={score.signed.task: score.signed.dataset_revision for score in counted},
        scores=scores,
        english=english,
    )
