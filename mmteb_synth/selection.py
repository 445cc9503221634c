"""What the user chose by `--task` and `--suite`, as one list of sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmteb_synth import aggregates, registry
from mmteb_synth.errors import UsageError
from mmteb_synth.specs import BitextSpec, Suite, TaskSpec
from mmteb_synth.suites import get_suite

DEFAULT_SUITE = "mini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One set of a choice.

    Attributes:
        spec: The set.
        splits: The splits that its suite scores; empty for the set's own.
    """

    spec: TaskSpec | BitextSpec
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """All that was chosen.

    Attributes:
        members: The sets to translate, bitext sets last; the parts of an aggregate in its place.
        suites: The suites that were named, whose native members are scored as they are.
        scored: What has a score of its own: sets and aggregates, but not the sets that are there only as parts.
    """

    members: tuple[Member, ...]
    suites: tuple[Suite, ...]
    scored: frozenset[str]

    def names(self) -> frozenset[str]:
        """The names of the sets."""
        return frozenset(member.spec.name for member in self.members)

    def check_languages(self, named: Sequence[object] | None) -> None:
        """Refuse a suite that finds its members by language where no language was named.

        Args:
            named: The languages.

        Raises:
            UsageError: There are none.
        """
        for suite in self.suites:
            if suite.native_query and not named:
                raise UsageError(
                    f"the suite {suite.name} is what MTEB holds in a language, and none was named",
                    hint=f"name one, as with: --suite {suite.name} --lang sw",
                )


def choose(tasks: Sequence[str] = (), suites: Sequence[str] = ()) -> Choice:
    """Look up names of sets and suites; with none of either, the default suite.

    Args:
        tasks: Names of sets, or paths of specs.
        suites: Names of suites or MTEB benchmarks, or paths of suite files.

    Raises:
        UnknownNameError: Nothing bears a name.
        UsageError: A task can't be translated, or a file is broken.
    """
    if not tasks and not suites:
        suites = (DEFAULT_SUITE,)
    found = tuple(get_suite(name) for name in suites)
    members: dict[str, Member] = {}
    scored: set[str] = set()
    for entry in (entry for suite in found for entry in suite.tasks):
        scored.add(_add_all(members, entry.name, entry.splits))
    for suite in found:
        for pairs in suite.bitext:
            base = members.get(registry.get_task(pairs.source).name)
            _add(members, Member(spec=pairs.spec, splits=base.splits if base else ()))
            scored.add(pairs.name)
    for name in tasks:
        scored.add(name if name in members else _add_all(members, name))
    bitext_last = sorted(members.values(), key=lambda member: isinstance(member.spec, BitextSpec))
    return Choice(members=tuple(bitext_last), suites=found, scored=frozenset(scored))


def _add_all(members: dict[str, Member], name: str, splits: tuple[str, ...] = ()) -> str:
    """Add a set, or the parts of an aggregate; returns the name that its score goes by."""
    parts = aggregates.parts(name)
    for part in parts:
        _add(members, Member(spec=registry.get_task(part), splits=splits))
    if parts:
        return name
    member = Member(spec=registry.get_task(name), splits=splits)
    _add(members, member)
    return member.spec.name


def _add(members: dict[str, Member], member: Member) -> None:
    """Add a set unless it is there, in which case the first place that names it decides its splits."""
    known = members.setdefault(member.spec.name, member)
    if known.spec != member.spec:
        raise UsageError(
            f"two different sets are called {member.spec.name}",
            hint="choose them one after another, or rename one",
        )


def from_manifest(source: str, splits: Sequence[str], choice: Choice | None) -> Member:
    """The set that a stored one was made from, with the splits it was made with.

    Args:
        source: The English task's name.
        splits: The stored set's splits.
        choice: What the user chose now; it knows sets whose spec lies outside all searched folders.
    """
    for member in choice.members if choice else ():
        if member.spec.name == source:
            return Member(spec=member.spec, splits=tuple(splits))
    return Member(spec=registry.get_task(source), splits=tuple(splits))
