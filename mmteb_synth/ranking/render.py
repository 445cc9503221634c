"""Tables -> leaderboard.md, for reading."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from mmteb_synth import languages
from mmteb_synth.markdown import Column, escape, parameter_count, table, two_digits
from mmteb_synth.ranking.apart import Place
from mmteb_synth.ranking.flagged import FLAG, FLAGGED
from mmteb_synth.ranking.notes import (
    BITEXT_MARK,
    Certified,
    group_notes,
    has_bitext,
    overall_notes,
    table_notes,
    validity_notes,
)
from mmteb_synth.ranking.results import ENGLISH, SOURCE, Model
from mmteb_synth.ranking.suites import UNLISTED
from mmteb_synth.ranking.table import BITEXT, Group, Row, Table
from mmteb_synth.statistics.bootstrap import FEWEST, Interval

COLUMNS_AT_MOST = 14
"""So many stand in one table: what a page shows without scrolling the models out of sight."""
_TO = "\u00a0to\u00a0"
"""Between the ends of an interval, without a place to break the line."""
_TITLES = {
    "BitextMining": "Bitext Mining",
    "PairClassification": "Pair Classification",
}
_LABELS = {
    SOURCE: "English",
    "native": "Native sets",
    "human-translated": "Human-translated sets",
    "translated": "Sets that MTEB holds machine-translated",
}
_EXPLANATION = (
    "Scores are MTEB's main score of each task, times 100. Rank is MTEB's Borda count over the tasks; Mean (Task) is "
    "the mean over the tasks that can exist in the language, Mean (Type) the mean over the means of their types; over "
    "all languages, each language's set counts as a task, and Mean (Language) is the mean over the languages' means. "
    "English is the model's mean over the same tasks in English, Δ English the difference over the tasks that have "
    "both scores. A missing score is empty, never zero, and leaves its means empty.\n\n"
    "Models of one group can't be told apart: no paired bootstrap test finds a difference to the model above or to the "
    "first of the group (5 %, corrected for how many are compared). 95 % are intervals, had the tasks been others of their kind, or "
    f"had the same tasks had other examples; below {FEWEST} tasks there are none over tasks. `leaderboard.csv` has those "
    "of all means."
)


def render(
    groups: Sequence[Group], *, bitext: bool, stale: Sequence[str], certified: Sequence[Certified] = ()
) -> str:
    """The whole leaderboard.

    Args:
        groups: All tables; those of one suite stand together.
        bitext: Whether bitext sets count.
        stale: Sets whose data changed after they were scored.
        certified: What certificates say of tables.

    Returns:
        Markdown; it ends with a newline.
    """
    names = {model: escape(name) for model, name in display_names(_models(groups)).items()}
    all_demo = all(group.demo for group in groups)
    blocks = [f"# {'Demo leaderboard, not a benchmark' if all_demo else 'Leaderboard'}", _EXPLANATION]
    for suite in dict.fromkeys(group.suite for group in groups):
        own = [group for group in groups if group.suite == suite]
        blocks.append(f"## {_suite_title(own[0])}")
        for group in own:
            blocks += _group(group, names, certified, bitext=bitext)
    blocks += ["## Models", _models_table(groups, names)]
    if stale:
        listed = ", ".join(escape(name) for name in stale)
        blocks.append(
            f"Left out, because the data changed after they were scored: {listed}. "
            "`mmteb-synth evaluate` scores them again."
        )
    return "\n\n".join(blocks) + "\n"


def display_names(models: Iterable[Model]) -> dict[Model, str]:
    """How each model is called: by its name, and by a short revision where several revisions have the name.

    Args:
        models: All models of the board.

    Returns:
        Model -> a name that no other one has.
    """
    by_name: dict[str, list[Model]] = {}
    for model in dict.fromkeys(models):
        by_name.setdefault(model.name, []).append(model)
    names = {}
    for name, revisions in by_name.items():
        length = next(
            (
                length
                for length in range(7, max(len(model.revision) for model in revisions))
                if len({_short(model.revision, length) for model in revisions}) == len(revisions)
            ),
            None,
        )
        for model in revisions:
            names[model] = name if len(revisions) == 1 else f"{name} @ {_short(model.revision, length)}"
    return names


def _short(revision: str, length: int | None) -> str:
    """A revision cut to a length; an experiment's name below it stays whole."""
    commit, slash, experiment = revision.partition("/")
    return f"{commit[:length]}{slash}{experiment}"


def _models(groups: Iterable[Group]) -> list[Model]:
    return [row.model for group in groups for part in group.languages for row in part.rows]


def _suite_title(group: Group) -> str:
    if group.suite == UNLISTED:
        return "Sets of no suite"
    return f"Suite {escape(group.suite)}{': a demo, not a benchmark' if group.demo else ''}"


def _group_title(group: Group) -> str:
    label = _LABELS.get(group.label) or (
        f"Origins {escape(group.label)}" if "+" in group.label else f"Translator {escape(group.label)}"
    )
    profile = "" if group.profile == "full" else f", profile {escape(group.profile)}"
    limit = "" if group.limit is None else f", limit {group.limit}"
    return f"{label}{profile}{limit}"


def _group(
    group: Group, names: Mapping[Model, str], certified: Sequence[Certified], *, bitext: bool
) -> list[str]:
    notes = {part.language: table_notes(part, names) for part in group.languages}
    noted = {part.language or ENGLISH for part in group.languages if notes[part.language]}
    made = has_bitext(group)
    blocks = [f"### {_group_title(group)}", *_list(group_notes(group, bitext=bitext))]
    if group.overall:
        blocks += ["#### All languages", *_tables(group.overall, names, noted, made=made)]
        below = overall_notes(group.overall, names)
        if noted:
            below.append("\\* The notes below this language's table hold here too.")
        blocks += _list(below)
    for part in group.languages:
        language = languages.parse(part.language or ENGLISH)
        if group.label != SOURCE:
            blocks.append(f"#### {escape(language.name)} ({language.code})")
        blocks += [
            *_tables(part, names, made=made),
            *_list([*notes[part.language], *validity_notes(group, part, certified)]),
        ]
    return blocks


def _list(lines: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _tables(part: Table, names: Mapping[Model, str], noted: Container[str] = (), *, made: bool) -> list[str]:
    """Means, languages and types in one table, or those that would make it too wide in tables below it."""
    head = _head(part, names)
    languages = [
        Column(
            title=escape(code) + ("\\*" if code in noted else ""),
            cells=[two_digits(row.languages[code].value) for row in part.rows],
        )
        for code in part.rows[0].languages
    ]
    columns = [*languages, *_types(part.rows, made=made)]
    if len(head) + len(columns) <= COLUMNS_AT_MOST:
        return [table([*head, *columns])]
    who = _who(part, names)
    room = COLUMNS_AT_MOST - len(who)
    chunks = [columns[start : start + room] for start in range(0, len(columns), room)]
    return [table(head), *(table([*who, *chunk]) for chunk in chunks)]


def _who(part: Table, names: Mapping[Model, str]) -> list[Column]:
    return [
        Column(
            title="Rank", cells=["" if row.borda_rank is None else str(row.borda_rank) for row in part.rows]
        ),
        Column(title="Model", cells=[names[row.model] for row in part.rows], text=True),
    ]


def _head(part: Table, names: Mapping[Model, str]) -> list[Column]:
    """Rank, model and means. What nobody knows of any model is left out, and a mean that says what Mean (Task) says."""
    rows = part.rows
    rank, model = _who(part, names)
    columns = [
        rank,
        *_where_known("95 % of ranks", [_ranks(row.place) for row in rows]),
        *_where_known("Group", ["" if row.place.group is None else str(row.place.group) for row in rows]),
        model,
        _numbers("Mean (Task)", rows, "mean_task"),
        *_where_known("95 % over tasks", [_ends(row.means["mean_task"].tasks) for row in rows]),
        *_where_known("95 % over examples", [_ends(row.means["mean_task"].examples) for row in rows]),
    ]
    if any(row.means["mean_task_unflagged"] != row.means["mean_task"] for row in rows):
        columns.append(_numbers(f"Mean without {FLAG}", rows, "mean_task_unflagged"))
    columns.append(_numbers("Mean (Type)", rows, "mean_type"))
    balanced = _numbers("Mean (Language)", rows, "mean_language")
    if any(balanced.cells) and balanced.cells != _numbers("", rows, "mean_task").cells:
        columns.append(balanced)
    if part.language == ENGLISH:
        return columns
    return [
        *columns,
        _numbers("English", rows, "english_mean_task"),
        _numbers("Δ English", rows, "delta_english", signed=True),
    ]


def _where_known(title: str, cells: Sequence[str]) -> list[Column]:
    return [Column(title=title, cells=cells)] if any(cells) else []


def _numbers(title: str, rows: Sequence[Row], mean: str, *, signed: bool = False) -> Column:
    return Column(title=title, cells=[two_digits(row.means[mean].value, signed=signed) for row in rows])


def _ranks(place: Place) -> str:
    if place.low is None or place.high is None:
        return ""
    return str(place.low) if place.low == place.high else f"{place.low}{_TO}{place.high}"


def _ends(ends: Interval | None) -> str:
    """An interval with one digit: its ends are no surer than that."""
    return "" if ends is None else f"{ends.low + 0.0:.1f}{_TO}{ends.high + 0.0:.1f}"


def _types(rows: Sequence[Row], *, made: bool) -> list[Column]:
    """A column for each task type; bitext mining last, with its mark where made of translations, if there is any."""
    shown = sorted({name for row in rows for name in row.types if name != BITEXT})
    columns = [
        _type(name, f"{_TITLES.get(name, name)} {FLAG}" if name in FLAGGED else _TITLES.get(name, name), rows)
        for name in shown
    ]
    bitext = _type(BITEXT, f"{_TITLES[BITEXT]} {BITEXT_MARK}" if made else _TITLES[BITEXT], rows)
    return [*columns, bitext] if any(bitext.cells) else columns


def _type(name: str, title: str, rows: Sequence[Row]) -> Column:
    return Column(
        title=title, cells=[two_digits(row.types[name].value) if name in row.types else "" for row in rows]
    )


def _models_table(groups: Sequence[Group], names: Mapping[Model, str]) -> str:
    """What is known of the models; MTEB's zero-shot mark depends on the tasks, so each suite has its own."""
    models = sorted(set(_models(groups)), key=lambda model: names[model])
    suites = list(dict.fromkeys(group.suite for group in groups))
    marks = {
        (row.model, group.suite): row.zero_shot
        for group in reversed(groups)
        for part in group.languages
        for row in part.rows
    }
    columns = [
        Column(title="Model", cells=[names[model] for model in models], text=True),
        Column(title="Parameters", cells=[parameter_count(model.parameters) for model in models]),
        Column(title="Dimensions", cells=[_known(model.dimensions) for model in models]),
    ]
    for suite in suites:
        title = "Zero-shot" if len(suites) == 1 else f"Zero-shot {escape(suite)}"
        columns.append(
            Column(title=title, cells=[_known(marks.get((model, suite)), "%") for model in models])
        )
    columns.append(Column(title="Revision", cells=[escape(model.revision) for model in models], text=True))
    return table(columns)


def _known(value: int | None, unit: str = "") -> str:
    return "" if value is None else f"{value}{unit}"
