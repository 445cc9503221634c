"""What may be done with a task's texts and their translations: MTEB's licence field, and what is known beyond it.

Read from `licences.toml`, which names a source for everything that MTEB doesn't say. Building is always allowed.
Handing a set on is what these terms are about, and `check_handing_on` is the one gate to it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mmteb_synth import facts, specs
from mmteb_synth.errors import LicenceError, UnknownNameError

Condition = Literal["attribution", "share-alike", "non-commercial", "unspecified", "no-derivatives"]
"""What a licence asks for, the strictest last. `unspecified`: no grant is on record, so nobody said it may be done."""

UNSPECIFIED = "unspecified"
"""What a licence is called where none is on record."""

_CONDITIONS: tuple[Condition, ...] = get_args(Condition)
_ASKED: frozenset[Condition] = frozenset({"share-alike", "non-commercial", "unspecified"})
"""The conditions that must be accepted before anything is handed on."""

_FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a task's texts beyond MTEB's field.

    Attributes:
        task: The MTEB task that it is about.
        words: What the source says, in short.
        source: Where it says so, as a URL.
        checked: The day it was read, as `2026-11-23`.
    """

    task: str
    words: str
    source: str
    checked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What may be done with the texts of a task, and so with their translations.

    Attributes:
        task: The task, or whatever else the texts belong to.
        licence: The licence's name, the strictest where there are several. `unspecified` where none is on record.
        link: Where the licence stands, where MTEB gives an address in place of a name.
        conditions: All that its licences ask for, the strictest last.
        to_accept: The licences to accept before it is handed on, as `--accept-licence` takes them.
        forbids_redistribution: Whether a source says that the texts may not be handed on at all.
        known: What is known beyond MTEB's field.
    """

    task: str
    licence: str
    link: str | None = None
    conditions: tuple[Condition, ...] = ()
    to_accept: tuple[str, ...] = ()
    forbids_redistribution: bool = False
    known: tuple[Known, ...] = ()

    @property
    def non_commercial(self) -> bool:
        """Whether commercial use is excluded."""
        return "non-commercial" in self.conditions

    @property
    def share_alike(self) -> bool:
        """Whether a translation must keep the licence."""
        return "share-alike" in self.conditions

    @property
    def no_derivatives(self) -> bool:
        """Whether no translation may be handed on."""
        return "no-derivatives" in self.conditions

    @property
    def unspecified(self) -> bool:
        """Whether no grant is on record for some of the texts."""
        return "unspecified" in self.conditions

    @property
    def may_be_handed_on(self) -> bool:
        """Whether a translation may be handed on at all, be it under conditions."""
        return not (self.no_derivatives or self.forbids_redistribution)

    def note(self) -> str:
        """The licence and what it asks for, in a few words, as `cc-by-nc-4.0 (non-commercial)`."""
        unsaid = ("attribution", self.licence)
        asked: list[str] = [condition for condition in self.conditions if condition not in unsaid]
        if self.forbids_redistribution:
            asked.append("not to be handed on")
        return f"{self.licence} ({', '.join(asked)})" if asked else self.licence

    def record(self) -> dict[str, Any]:
        """The terms as a manifest keeps them, and as they are read back."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        del values["task"]
        return values


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Strict):
    """What one source says of some tasks.

    Attributes:
        tasks: The MTEB tasks.
        licence: What takes the place of MTEB's field.
        conditions: What is added to the licence's own conditions.
        redistribution: `forbidden` where the texts may not be handed on at all.
        takes_from: The tasks whose texts these are, and whose terms hold too.
        words: What the source says, in short and in our words.
        source: Where it says so, as a URL.
        checked: The day it was read.
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    licence: str | None = None
    conditions: tuple[Condition, ...] = ()
    redistribution: Literal["forbidden"] | None = None
    takes_from: tuple[str, ...] = ()
    words: str = Field(min_length=1)
    source: str = Field(pattern=r"^https?://")
    checked: date


class Table(_Strict):
    """What `licences.toml` holds.

    Attributes:
        licences: By name what a licence asks for.
        names: What we call the licences that MTEB writes otherwise, mostly as an address.
        known: What is known of tasks beyond MTEB's field.
    """

    licences: Mapping[str, tuple[Condition, ...]]
    names: Mapping[str, str] = Field(default_factory=dict)
    known: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Table:
        named = [*self.names.values(), *(entry.licence for entry in self.known if entry.licence)]
        for name in (*named, UNSPECIFIED):
            if name not in self.licences:
                raise ValueError(f"[licences] lacks {name}")
        tasks = [task for entry in self.known for task in entry.tasks]
        twice = sorted({task for task in tasks if tasks.count(task) > 1})
        if twice:
            raise ValueError(f"[[known]] has entries twice: {', '.join(twice)}")
        return self

    def entry(self, task: str) -> Entry | None:
        """What is known of a task."""
        return next((entry for entry in self.known if task in entry.tasks), None)


def read(path: Path) -> Table:
    """Read a table of licences.

    Args:
        path: A TOML file as the shipped one.

    Raises:
        SpecError: It is missing, is no TOML, or says something that can't be; the message says what.
    """
    return specs.parse(Table, specs.read_toml(path), str(path))


@functools.cache
def shipped() -> Table:
    """The table that comes with the package."""
    return read(_FILE)


def terms(task: str, licence: str | None) -> Terms:
    """What may be done with a task's texts.

    Args:
        task: An MTEB task, an aggregate among them, or a set of one's own.
        licence: MTEB's licence field, or what the spec of a set of one's own says; None where neither does.

    Returns:
        The terms. An aggregate's are the strictest of its parts.
    """
    aggregate = facts.task(task)
    if aggregate is not None and aggregate.parts:
        parts = [facts.tasks()[name] for name in aggregate.parts]
        return strictest(task, [terms(part.name, part.license) for part in parts])
    table = shipped()
    entry = table.entry(task)
    own = _own_terms(table, task, licence, entry)
    if entry is None or not entry.takes_from:
        return own
    sources = [facts.tasks()[name] for name in entry.takes_from]
    return strictest(task, [own, *(terms(source.name, source.license) for source in sources)])


def _own_terms(table: Table, task: str, licence: str | None, entry: Entry | None) -> Terms:
    """The terms that a task's own licence and what is known of it make, without those of tasks it takes from."""
    written = (entry.licence if entry else None) or licence or UNSPECIFIED
    name = table.names.get(written, written)
    asked = set(table.licences.get(name, (UNSPECIFIED,)))
    if entry is None:
        known: tuple[Known, ...] = ()
    else:
        asked.update(entry.conditions)
        about = Known(task=task, words=entry.words, source=entry.source, checked=entry.checked.isoformat())
        known = (about,)
    return Terms(
        task=task,
        licence=name,
        link=written if "://" in written else None,
        conditions=_in_order(asked),
        to_accept=(name,) if asked & _ASKED else (),
        forbids_redistribution=entry is not None and entry.redistribution == "forbidden",
        known=known,
    )


def strictest(task: str, several: Sequence[Terms]) -> Terms:
    """The terms of texts that come from several tasks: all conditions hold, under the strictest licence's name.

    Args:
        task: What they make up.
        several: The terms of each; at least one.
    """
    first = max(several, key=_strictness)
    return Terms(
        task=task,
        licence=first.licence,
        link=first.link,
        conditions=_in_order({condition for one in several for condition in one.conditions}),
        to_accept=tuple(dict.fromkeys(name for one in several for name in one.to_accept)),
        forbids_redistribution=any(one.forbids_redistribution for one in several),
        known=tuple(dict.fromkeys(fact for one in several for fact in one.known)),
    )


def _in_order(conditions: Collection[str]) -> tuple[Condition, ...]:
    return tuple(condition for condition in _CONDITIONS if condition in conditions)


def _strictness(one: Terms) -> tuple[bool, ...]:
    return (one.forbids_redistribution, *(condition in one.conditions for condition in reversed(_CONDITIONS)))


def refusal(one: Terms) -> LicenceError | None:
    """Why a translation of a task may not be handed on whatever is accepted; None where it may.

    Args:
        one: The task's terms.
    """
    if one.may_be_handed_on:
        return None
    why = "lets nobody hand its texts on"
    if not one.forbids_redistribution:
        why = "lets nobody hand on derivatives, and a translation is one"
    said = "".join(f"; {fact.words} ({fact.source})" for fact in one.known)
    return LicenceError(
        f"{one.task} stays here: its licence, {one.licence}, {why}{said}",
        hint="building, scoring and boards are free; to hand on other sets, name them with --task",
    )


def check_handing_on(several: Iterable[Terms], accepted: Collection[str]) -> None:
    """The gate before translations leave: what is forbidden is refused, and what has conditions must be accepted.

    Args:
        several: The terms of each set that is to be handed on.
        accepted: The names of licences that the user accepts.

    Raises:
        LicenceError: One of them may not be handed on, or licences are not accepted yet; the hint has the flags.
        UnknownNameError: No licence bears a name that was accepted.
    """
    held = list(several)
    names = {*shipped().licences, *(name for one in held for name in one.to_accept)}
    for name in accepted:
        if name not in names and "://" not in name:  # one that nobody named is called by its address
            raise UnknownNameError(
                "licence", name, names, hint="mmteb-synth tasks --licences shows each set's licence"
            )
    for one in held:
        refused = refusal(one)
        if refused:
            raise refused
    lacking = {name: None for one in held for name in one.to_accept if name not in accepted}
    if lacking:
        tasks: dict[str, dict[str, None]] = {}
        for one in held:
            if not lacking.keys().isdisjoint(one.to_accept):
                tasks.setdefault(one.note(), {})[one.task] = None  # once, in however many languages
        raise LicenceError(
            "nobody has accepted "
            + "; ".join(f"{note}, the licence of {', '.join(names)}" for note, names in tasks.items()),
            hint="read the terms with mmteb-synth tasks --licences, then run the same command with "
            + " ".join(f"--accept-licence {name}" for name in lacking),
        )
