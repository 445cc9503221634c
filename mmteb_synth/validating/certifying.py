"""Two sides of scores -> a certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmteb_synth import facts
from mmteb_synth.errors import SynthError
from mmteb_synth.types import Origin
from mmteb_synth.validating import verdicts
from mmteb_synth.validating.certificate import Certificate, ComparedModel, TrustedTask
from mmteb_synth.validating.comparing import ALL, FEWEST
from mmteb_synth.validating.measuring import Compared, Numbers, measure
from mmteb_synth.validating.scores import Reading
from mmteb_synth.validating.sides import Block, ModelKey, Settled, Side, complete, mean, paired, settled

_LISTED = 8


def certify(
    side: Side, reading: Reading, trusted: Mapping[str, Origin], *, keep_all: bool = False
) -> Certificate:
    """Say whether a board ranks models as MTEB's own sets do.

    Args:
        side: The board.
        reading: The scores of these sets.
        trusted: The sets, with their origins.
        keep_all: Leave none of them out, however few models have a score on it.

    Raises:
        SynthError: Fewer than three models have all scores.
    """
    own = complete(side.scores, side.tasks)
    scores = settled(reading.scores, {task: facts.tasks()[task].revision for task in trusted})
    partners = paired(own.models, scores.scores)
    theirs = {key: scores.scores[partner] for key, partner in partners.items()}
    block = complete(theirs, trusted if keep_all else scores.data, keep_all=keep_all)
    notes = [
        *_gaps(own, "The board"),
        *_gaps(block, "The trusted side"),
        *_unread(own.models, reading, scores, trusted, partners),
    ]
    _check_enough(
        block.models,
        f"{reading.where} and on the board of {side.translator} in {side.language}",
        f"score more models on both: mmteb-synth evaluate -m MODEL --lang {side.language} --suite {side.suite}; other "
        "results are named with --trusted",
        notes,
    )
    compared = Compared(
        models=block.models,
        board=[side.scores[key] for key in block.models],
        board_tasks=own.tasks,
        trusted=[theirs[key] for key in block.models],
        trusted_tasks=block.tasks,
        english=[side.english.get(key, {}) for key in block.models],
    )
    numbers = measure(compared, with_ceiling=True)
    return Certificate(
        kind="validity",
        **_common(side, compared, numbers, [partners[key] for key in block.models]),
        trusted=reading.where,
        trusted_tasks={
            task: TrustedTask(origin=trusted[task], data=scores.data[task], parts=scores.parts[task])
            for task in block.tasks
        },
        verdict=verdicts.of_validity(
            len(block.models),
            len(block.tasks),
            numbers.board[ALL].tau,
            numbers.ceiling[ALL].tau if numbers.ceiling else None,
            numbers.beyond_ceiling,
            numbers.english[ALL].tau if numbers.english else None,
            numbers.beyond_english,
        ),
        notes=tuple(notes),
    )


def certify_against(side: Side, other: Side) -> Certificate:
    """Say whether a board ranks models as another board of the same suite and language does.

    Both are taken on the tasks that both have. There is no ceiling: on the same sets, two boards may agree wholly.

    Args:
        side: The board.
        other: Another translator's, prompt's or profile's board, which takes the place of the trusted sets.

    Raises:
        SynthError: Fewer than three models have all scores of both.
    """
    partners = paired(side.scores, other.scores)
    common = [task for task in side.tasks if task in other.tasks]
    both = {
        key: {
            task: score
            for task, score in side.scores[key].items()
            if task in common and task in other.scores[partner]
        }
        for key, partner in partners.items()
    }
    block = complete(both, common)
    names = _names(side, other)
    notes = _gaps(block, "The two boards")
    _check_enough(
        block.models,
        f"the boards of {names[0]} and of {names[1]} in {side.language}",
        f"score more models on the sets of both: mmteb-synth evaluate -m MODEL --lang {side.language} --suite {side.suite}",
        notes,
    )
    compared = Compared(
        models=block.models,
        board=[both[key] for key in block.models],
        board_tasks=block.tasks,
        trusted=[other.scores[partners[key]] for key in block.models],
        trusted_tasks=block.tasks,
        english=[side.english.get(key, {}) for key in block.models],
    )
    numbers = measure(compared, with_ceiling=False)
    return Certificate(
        kind="against",
        **_common(side, compared, numbers, [partners[key] for key in block.models]),
        trusted=f"the board of {names[1]}",
        other={"translator": other.translator, "profile": other.profile},
        trusted_tasks={
            name: TrustedTask(origin="translated", data=data) for name, data in other.revisions.items()
        },
        verdict=verdicts.of_two_boards(
            len(block.models), *names, numbers.board[ALL].tau, numbers.board[ALL].lost
        ),
        notes=tuple(notes),
    )


def _common(side: Side, compared: Compared, numbers: Numbers, partners: Sequence[ModelKey]) -> dict[str, Any]:
    """What certificates of both kinds have."""
    with_english = set(compared.with_english)
    models = [
        ComparedModel(
            name=key.name,
            revision=key.revision,
            trusted_revision=partners[place].revision,
            board=100 * mean(compared.board[place], compared.board_tasks),
            trusted=100 * mean(compared.trusted[place], compared.trusted_tasks),
            english=100 * mean(compared.english[place], compared.board_tasks)
            if place in with_english
            else None,
            board_scores=_of(compared.board[place], compared.board_tasks),
            trusted_scores=_of(compared.trusted[place], compared.trusted_tasks),
            english_scores=_of(compared.english[place], compared.board_tasks),
        )
        for place, key in enumerate(compared.models)
    ]
    return {
        "suite": side.suite,
        "demo": side.demo,
        "language": side.language,
        "translator": side.translator,
        "profile": side.profile,
        "board_tasks": compared.board_tasks,
        "board_revisions": side.revisions,
        "models": tuple(sorted(models, key=lambda model: (-model.trusted, model.name, model.revision))),
        "board": numbers.board,
        "chance": numbers.chance,
        "ceiling": numbers.ceiling,
        "english": numbers.english,
        "english_models": len(with_english),
        "beyond_ceiling": numbers.beyond_ceiling,
        "beyond_english": numbers.beyond_english,
    }


def _of(scores: Mapping[str, float], tasks: Iterable[str]) -> dict[str, float]:
    return {task: scores[task] for task in tasks if task in scores}


def _names(side: Side, other: Side) -> tuple[str, str]:
    """What two boards are called: by the translator, and by the profile where that tells them apart."""
    if side.profile == other.profile:
        return side.translator, other.translator
    return f"{side.translator} ({side.profile})", f"{other.translator} ({other.profile})"


def _gaps(block: Block[ModelKey], where: str) -> list[str]:
    """What was left out so that there is no gap between tasks and models."""
    notes = [
        f"{where}: {task} was left out, since {f'only {count} of the models have' if count else 'no model has'} it."
        for task, count in block.dropped.items()
    ]
    if block.incomplete:
        lacking = [f"{key.name} ({', '.join(tasks)})" for key, tasks in block.incomplete.items()]
        notes.append(f"{where}: models left out, with what they lack: {_listing(lacking)}.")
    return notes


def _unread(
    models: Iterable[ModelKey],
    reading: Reading,
    scores: Settled,
    trusted: Iterable[str],
    partners: Mapping[ModelKey, ModelKey],
) -> list[str]:
    """What of the trusted scores does not count, and why."""
    found = {key.name for key in partners}
    unknown = sorted({key.name for key in models} - found)
    unscored = sorted(set(trusted) - set(scores.data))
    said = {
        "Models of the board without a trusted score": unknown,
        "Trusted sets on which no model of the board was scored": unscored,
        "Files left out": [f"{name} ({reason})" for name, reason in sorted(reading.unread.items())],
    }
    notes = [f"{what}: {_listing(names)}." for what, names in said.items() if names]
    if reading.external:
        notes.append(
            f"Scores left out that authors report themselves (revision external): {reading.external}."
        )
    if scores.other_data:
        notes.append(
            "Scores left out, of other data than most models', or not of all their splits and subsets: "
            f"{scores.other_data}."
        )
    return notes


def _check_enough(models: Sequence[ModelKey], where: str, hint: str, notes: Sequence[str]) -> None:
    if len(models) < FEWEST:
        which = f" ({', '.join(key.name for key in models)})" if models else ""
        reasons = "".join(f". {note.rstrip('.')}" for note in notes)
        raise SynthError(
            f"{len(models)} models{which} have scores on {where}, and a comparison takes {FEWEST}{reasons}",
            hint=hint,
        )


def _listing(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
