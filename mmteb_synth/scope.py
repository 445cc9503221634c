"""What a call is about: built sets, native members of suites, and English beside them, built where it is missing.

Verbs don't know each other; scoring English that nobody built yet needs two of them, and happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from mmteb_synth import aggregates, building, languages, paths, selection
from mmteb_synth.data.profiles import FULL, parse
from mmteb_synth.data.store import Store, set_name
from mmteb_synth.errors import StoreError, SynthError, UsageError
from mmteb_synth.evaluation import scored
from mmteb_synth.evaluation.scored import SOURCE, ScoredTask
from mmteb_synth.selection import Choice, Member
from mmteb_synth.stored import nothing_chosen
from mmteb_synth.types import Language

ENGLISH = Language(code="eng-Latn", name="English")


def built(
    store: Store,
    choice: Choice | None,
    wanted: Sequence[Language] | None,
    translators: Sequence[str],
    profiles: Sequence[str] = (),
) -> list[ScoredTask]:
    """What is built of a choice, and the native members of its suites.

    Args:
        store: Where built sets lie.
        choice: What was named; None for all that was built.
        wanted: The languages; None for all.
        translators: Narrows the sets, but for English ones.
        profiles: Narrows the sets to labels of profiles; native ones are whole.

    Raises:
        StoreError: Nothing that was chosen is built.
    """
    found = scored.combined(
        scored.built(store, choice=choice, wanted=wanted, translators=translators, profiles=profiles),
        _asked(choice),
    )
    if _with_whole(profiles):
        found += scored.native(choice, _codes(choice, found, wanted))
    if not found:
        raise nothing_chosen(store, wanted)
    return found


def to_score(
    folders: paths.Folders,
    choice: Choice | None,
    wanted: Sequence[Language] | None,
    translators: Sequence[str],
    *,
    profiles: Sequence[str] = (),
    source_dir: Path | None,
    warn: Callable[[str], None],
) -> list[ScoredTask]:
    """What `evaluate` scores: the translated sets, the native ones, then the English.

    Args:
        folders: Where sets lie.
        choice: What was named; None for all that was built, or for the default suite where nothing was.
        wanted: The languages; None for all that were built, and English.
        translators: Narrows the sets, but for English ones.
        profiles: Narrows the sets to labels of profiles; native ones are whole. English is built in them where it is
            missing.
        source_dir: A local mirror of the Hub, for English that is not built and for native sets.
        warn: Told of what was chosen but is not built.

    Raises:
        StoreError: Nothing of a language that was asked for is built.
        SynthError: Nothing can be scored.
    """
    store = Store(folders.data_dir)
    foreign = [
        task
        for task in scored.built(
            store, choice=choice, wanted=wanted, translators=translators, profiles=profiles
        )
        if task.language != ENGLISH.code
    ]
    natives: list[ScoredTask] = []
    if _with_whole(profiles):
        codes = _codes(choice, foreign, wanted)
        natives += scored.native(choice, codes, source_dir=source_dir, scratch=folders.scratch_dir)
    translated = scored.combined(foreign, _asked(choice))
    _check_built(store, choice, wanted, foreign, [*translated, *natives], warn)
    english: list[ScoredTask] = []
    if wanted is None or ENGLISH in wanted:
        alone = wanted is not None and all(language == ENGLISH for language in wanted)
        beside = _foreign(store, choice, translators, profiles) if alone else foreign
        english = scored.combined(
            list(_English(store, folders, choice, tuple(profiles), source_dir).tasks(beside)), _asked(choice)
        )
        if wanted is None and foreign:  # nobody asked for English in so many words
            for task in english:
                if task.problem:
                    warn(f"no English score of {task.name}: {task.problem.message}")
            english = [task for task in english if not task.problem]
    result = [*translated, *natives, *english]
    if not result:
        raise nothing_chosen(store, wanted)
    problem = result[0].problem
    if problem and all(task.problem for task in result):
        raise problem
    return result


def _with_whole(profiles: Sequence[str]) -> bool:
    """Whether sets are meant that no profile cut down."""
    return not profiles or FULL.label in profiles


def _asked(choice: Choice | None) -> frozenset[str] | None:
    """What is to have a score of its own; None for all that is built."""
    return choice.scored if choice else None


def _foreign(
    store: Store, choice: Choice | None, translators: Sequence[str], profiles: Sequence[str]
) -> list[ScoredTask]:
    """The built sets of all languages but English."""
    found = scored.built(store, choice=choice, translators=translators, profiles=profiles)
    return [task for task in found if task.language != ENGLISH.code]


def _codes(
    choice: Choice | None, found: Iterable[ScoredTask], wanted: Sequence[Language] | None
) -> list[str]:
    """The languages whose native members are meant; with none named, those of the built sets and English.

    Raises:
        UsageError: None was named, and a suite wants one to find its members.
    """
    if wanted is not None:
        return [language.code for language in wanted]
    if choice:
        choice.check_languages(wanted)
    return [*dict.fromkeys([*(task.language for task in found), ENGLISH.code])]


def _check_built(
    store: Store,
    choice: Choice | None,
    wanted: Sequence[Language] | None,
    sets: Sequence[ScoredTask],
    found: Sequence[ScoredTask],
    warn: Callable[[str], None],
) -> None:
    """Refuse a language of which there is nothing, and tell of chosen sets that are not built in the others.

    Args:
        store: Where sets lie.
        choice: What was named.
        wanted: The languages that were named.
        sets: The built sets that were chosen, parts of aggregates among them.
        found: What can be scored.
        warn: Told of what is lacking.
    """
    if wanted is None:  # nobody said what should be there, but an aggregate of some of its parts is no score
        meant = [languages.parse(code) for code in sorted({task.language for task in sets})]
    else:
        meant = [language for language in wanted if language != ENGLISH]
    for language in meant:
        codes = languages.equivalents(language.code)
        held = {task.source_task for task in found if task.language in codes}
        stored = {task.source_task for task in sets if task.language in codes}
        lacking = [
            _lacking(name, stored)
            for name in (sorted(choice.scored - held) if choice else ())
            if wanted is not None or stored.intersection(aggregates.parts(name))
        ]
        if not held and stored:  # some parts of an aggregate
            raise StoreError(
                f"not built in {language.name}, and so not scored: {', '.join(lacking)}",
                hint=f"build the rest: mmteb-synth build --lang {language.code}, with the same --task or --suite",
            )
        if not held:
            raise nothing_chosen(store, [language])
        if lacking:
            warn(f"not built in {language.name}, and so not scored: {', '.join(lacking)}")


def _lacking(name: str, stored: Set[str]) -> str:
    """The name of what can't be scored; of an aggregate that is built in part also what it lacks."""
    parts = aggregates.parts(name)
    missing = [part for part in parts if part not in stored]
    return f"{name} (without {', '.join(missing)})" if len(missing) < len(parts) else name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """An English set that should stand beside others."""

    member: Member | None
    profile: str = FULL.label
    limit: int | None = None
    all_rows: bool = False
    mirror: str | None = None


@dataclass(frozen=True, slots=True)
class _English:
    """The English sets of a call; those that are missing or no longer fit are built."""

    store: Store
    folders: paths.Folders
    choice: Choice | None
    profiles: tuple[str, ...]
    source_dir: Path | None

    def tasks(self, beside: Sequence[ScoredTask]) -> Iterator[ScoredTask]:
        """The English sets that are built already, and those that belong beside other sets.

        Args:
            beside: Sets of other languages.
        """
        built = scored.built(self.store, choice=self.choice, wanted=[ENGLISH], profiles=self.profiles)
        stored = {task.name: task for task in built}
        wishes = self._wishes(beside, is_empty=not stored)
        for name in [*wishes, *(name for name in stored if name not in wishes)]:
            wish, found = wishes.get(name), stored.get(name)
            if found and (wish is None or self._fits(found, wish)):
                yield found
            elif wish is not None:
                yield self._build(name, wish)

    def _wishes(self, beside: Sequence[ScoredTask], *, is_empty: bool) -> dict[str, _Wish]:
        """By name: the counterpart of each set, and sets without a limit for what else was named."""
        wishes = {}
        for task in beside:
            if task.dataset is None or task.dataset.manifest.bitext_of:
                continue
            manifest = task.dataset.manifest
            try:
                member = selection.from_manifest(manifest.source_task, manifest.eval_splits, self.choice)
            except UsageError:  # a set of one's own that was built from a file elsewhere
                member = None
            name = set_name(
                manifest.source_task, ENGLISH.code, SOURCE, manifest.limit, profile=manifest.profile
            )
            wishes[name] = _Wish(
                member=member,
                profile=manifest.profile,
                limit=manifest.limit,
                all_rows=manifest.all_rows,
                mirror=manifest.source.get("mirror"),
            )
        met = {task.source_task for task in beside}
        others = {task.dataset.manifest.profile for task in beside if task.dataset}
        profiles = self.profiles or tuple(sorted(others)) or (FULL.label,)
        chosen = self.choice or (selection.choose() if is_empty and not beside else None)
        for member in chosen.members if chosen else ():
            if member.spec.name not in met and member.spec.type != "BitextMining":
                for profile in profiles:
                    name = set_name(member.spec.name, ENGLISH.code, SOURCE, profile=profile)
                    wishes[name] = _Wish(member=member, profile=profile)
        return wishes

    def _fits(self, found: ScoredTask, wish: _Wish) -> bool:
        """Whether a stored set is used as it is. Otherwise building finds out, cheaply, whether it has changed.

        What was read from a mirror would be read from the Hub now that no mirror is given.
        """
        if found.dataset is None:
            return False
        mirror = found.dataset.manifest.source.get("mirror")
        return wish.member is None or (
            self.source_dir is None and mirror is not None and wish.mirror in (None, mirror)
        )

    def _build(self, name: str, wish: _Wish) -> ScoredTask:
        if wish.member is None:
            problem: SynthError | None = UsageError(
                f"{name} is not built, and its set is one of your own whose file is not known here",
                hint="name the file with --task FILE.toml, or set MMTEB_SYNTH_TASKS to its folder",
            )
        else:
            options = building.BuildOptions(
                source_dir=self.source_dir,
                profile=parse(wish.profile),
                limit=wish.limit,
                all_rows=wish.all_rows,
            )
            try:
                (done,) = building.build([ENGLISH], [wish.member], options=options, folders=self.folders).sets
                problem = done.error
            except SynthError as error:
                problem = error
        if problem is None:
            (made,) = (task for task in scored.built(self.store, wanted=[ENGLISH]) if task.name == name)
            return made
        return ScoredTask(
            name=name,
            source_task=name.split(f".{ENGLISH.code}.", maxsplit=1)[0],
            language=ENGLISH.code,
            origin="native",
            problem=problem,
        )
