"""Verb: what a build would ask for, cost and take, before anything is paid.

It reads what a build reads and asks the cache as a build does, so its counts are what `build` then does. Tokens, and
what follows from them, are expected ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmteb_synth import paths
from mmteb_synth.building import rough
from mmteb_synth.building.inputs import Loader, Texts, opened, share
from mmteb_synth.building.jobs import BuildOptions, Job, jobs_of
from mmteb_synth.building.plans import Cost, EmbeddingPlan, Plan, ProfilePlan, SetPlan, Volume, total_cost
from mmteb_synth.building.sets import is_unchanged
from mmteb_synth.building.work import Work, expected, work_of
from mmteb_synth.data.profiles import Profile
from mmteb_synth.data.segments import Counts, Segments, characters
from mmteb_synth.data.store import Store
from mmteb_synth.errors import SourceError
from mmteb_synth.selection import Member
from mmteb_synth.translate import costs, tokens
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.costs import Estimator
from mmteb_synth.translate.limits import Limits
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, Segment, Usage

_WAITING = "{:,} texts wait in batches that are paid for, and are not in the total (mmteb-synth batches list)"


def plan(
    wanted: Sequence[Language],
    members: Sequence[Member],
    *,
    options: BuildOptions,
    folders: paths.Folders,
    models: Sequence[str] = (),
    tokens_per_second: float | None = None,
    limits: Limits | None = None,
    profiles: Sequence[Profile] = (),
) -> Plan:
    """Find out what a build with the same arguments would do.

    Args:
        wanted: The languages.
        members: The sets.
        options: How they would be built.
        folders: Where cache and data sets lie.
        models: Embedding models whose cost is wanted too.
        tokens_per_second: Tokens that one GPU generates in a second.
        limits: Requests and tokens a minute, where not those of the translator's preset.
        profiles: Profiles to compare; each set is read once for all of them.

    Raises:
        UsageError: A set has no bundled translations and no translator was named.
        TranslatorError: The translator can't be used at all, or not for a language.
        MissingExtraError: The package with the model's tokenizer is not installed.
        CacheError: The cache can't be read.
    """
    pricing = _Pricing(tokens_per_second=tokens_per_second, limits=limits or Limits())
    with Loader(options, folders) as loader:
        planner = _Planner(loader, folders, pricing, models)
        others = {
            profile: _Planner(loader, folders, pricing, ()) if profile != options.profile else planner
            for profile in profiles
        }
        for job in jobs_of(members, wanted, options):
            for profile, other in others.items():
                if other is not planner:
                    other.add(dataclasses.replace(job, options=dataclasses.replace(options, profile=profile)))
            planner.add(job)
        compared = tuple(_under(profile, other.plan()) for profile, other in others.items())
        return dataclasses.replace(planner.plan(), profiles=compared)


@dataclass(slots=True, kw_only=True)
class _Pricing:
    """Turns volumes into costs.

    Attributes:
        tokens_per_second: Tokens that one GPU generates in a second.
        limits: What the user says of requests and tokens a minute.
        estimators: By the names of translator and language.
    """

    tokens_per_second: float | None
    limits: Limits
    estimators: dict[tuple[str, str], Estimator | None] = field(default_factory=dict)

    def estimator(self, translator: Translator, language: Language) -> Estimator | None:
        key = (translator.name, language.code)
        if key not in self.estimators:
            self.estimators[key] = costs.estimator(translator, language)
        return self.estimators[key]

    def cost(self, translator: Translator | None, volume: Volume) -> Cost:
        usage = volume.usage
        if translator is None or not volume.to_ask or costs.is_free(translator):
            return Cost(dollars=0.0, batch_dollars=0.0, gpu_hours=self._hours(usage), seconds=0.0)
        prices = costs.prices_of(translator)
        return Cost(
            dollars=costs.dollars(usage, prices) if prices else None,
            batch_dollars=costs.batch_dollars(usage, prices) if prices else None,
            gpu_hours=self._hours(usage),
            seconds=self._seconds(translator, volume),
        )

    def _hours(self, usage: Usage) -> float | None:
        return usage.output_tokens / self.tokens_per_second / 3600 if self.tokens_per_second else None

    def _seconds(self, translator: Translator, volume: Volume) -> float | None:
        limits = self.limits.or_of(getattr(translator, "preset", None))
        minutes = []
        if limits.requests_per_minute:
            minutes.append(volume.to_ask / limits.requests_per_minute)
        if limits.tokens_per_minute:
            tokens_used = volume.usage.input_tokens + volume.usage.output_tokens
            minutes.append(tokens_used / limits.tokens_per_minute)
        return 60 * max(minutes) if minutes else None


class _Planner:
    """Goes through the jobs as a build does, and adds up."""

    def __init__(
        self, loader: Loader, folders: paths.Folders, pricing: _Pricing, models: Sequence[str]
    ) -> None:
        self._folders = folders
        self._pricing = pricing
        self._loader = loader
        self._store = Store(folders.data_dir)
        self._sets: list[SetPlan] = []
        self._totals: dict[str, tuple[Translator | None, Volume]] = {}
        self._seen: set[bytes] = set()
        self._embedded = dict.fromkeys(models, 0.0)
        self._notes: dict[str, None] = {}

    def add(self, job: Job) -> None:
        with opened(job, self._folders) as (cache, bundle):
            unchanged = self._is_unchanged(job, cache, bundle)
            try:
                source, found = self._loader.load(job), self._loader.collect(job)
            except SourceError as error:
                self._add_roughly(job, unchanged, error)
            else:
                whole = 0 if job.bitext else characters(source.layout, source.tables)
                self._add_exactly(job, unchanged, found, whole, cache)

    def plan(self) -> Plan:
        total = sum((volume for _, volume in self._totals.values()), Volume())
        for (name, code), estimator in self._pricing.estimators.items():
            for note in _notes(estimator) if estimator else ():
                self._notes[f"{name}, {code}: {note}"] = None
        cost = total_cost(self._pricing.cost(*of_one) for of_one in self._totals.values())
        if cost.seconds is None:
            self._notes[
                "the account's limits are not known; with them the plan also says how long it takes"
            ] = None
        return Plan(
            sets=tuple(self._sets),
            total=total,
            cost=cost,
            embeddings=tuple(_embedding(model, count) for model, count in self._embedded.items()),
            notes=tuple(self._notes),
        )

    def _is_unchanged(self, job: Job, cache: Cache, bundle: str) -> bool:
        try:
            fingerprint = job.fingerprint(self._loader.identify(job), bundle)
        except SourceError:
            return False
        stored = self._store.find_or_none(job.name)
        return stored is not None and is_unchanged(stored.manifest, fingerprint, job, cache)

    def _add_exactly(self, job: Job, unchanged: bool, found: Segments, whole: int, cache: Cache) -> None:
        wanted = share(job, found)
        alone = shared = Volume(segments=len(wanted), characters=_characters(wanted))
        if job.translator is not None:
            alone, shared = self._asked(job, job.translator, unchanged, wanted, cache)
        alone = dataclasses.replace(
            alone, whole=whole or alone.characters
        )  # bitext is made of what is translated
        shared = dataclasses.replace(shared, whole=whole)
        self._embed(job, wanted, found.counts)
        planned = SetPlan(name=job.name, language=job.language.code, unchanged=unchanged, volume=alone)
        self._add(job, planned, shared)

    def _asked(
        self, job: Job, translator: Translator, unchanged: bool, wanted: Texts, cache: Cache
    ) -> tuple[Volume, Volume]:
        """What a set takes if it is built alone, and what it adds to what others take."""
        estimator = self._pricing.estimator(translator, job.language)
        alone = shared = Volume()
        waiting = 0
        elsewhere: dict[str, tuple[Translator, Volume]] = {}
        for block, needed in work_of(job, wanted, cache):
            work = needed
            if unchanged:
                work = dataclasses.replace(needed, missing={}, elsewhere=(), waiting=frozenset())
            waiting += len(work.waiting)
            fresh = work.without(self._seen)
            self._seen |= fresh.keys
            again = [segment for key, segment in work.missing.items() if key not in fresh.missing]
            usage = expected(fresh.missing.values(), estimator)
            shared += _volume(fresh, fresh.texts.values(), usage)
            alone += _volume(work, block, usage + expected(again, estimator))
            for asked in fresh.elsewhere:
                of_one = expected(
                    asked.texts.values(), self._pricing.estimator(asked.translator, job.language)
                )
                _, before = elsewhere.get(asked.translator.name, (None, Volume()))
                more = Volume(to_ask=len(asked.texts), usage=of_one)
                elsewhere[asked.translator.name] = (asked.translator, before + more)
        if waiting:
            self._notes[f"{job.name}: {_WAITING.format(waiting)}"] = None
        for who, volume in elsewhere.values():
            self._add_to_total(who.name, who, volume)
            self._notes[
                f"{job.name}: {volume.to_ask:,} texts are asked of {who.name}; they are in the total only"
            ] = None
        return alone, shared

    def _add_roughly(self, job: Job, unchanged: bool, error: SourceError) -> None:
        estimator = self._pricing.estimator(job.translator, job.language) if job.translator else None
        volume = rough.estimate(job, estimator)
        if volume is None:
            self._notes[f"{job.name}: nothing is known of it, and it is not in the total"] = None
        elif unchanged:
            volume = Volume(segments=volume.segments, characters=volume.characters, whole=volume.whole)
        if volume:
            english = volume.characters / rough.CHARACTERS_PER_TOKEN
            for model in self._embedded:
                self._embedded[model] += english * _expansion(model, job.language)
        found = SetPlan(
            name=job.name,
            language=job.language.code,
            exact=False,
            unchanged=unchanged,
            volume=volume,
            error=error,
        )
        self._add(job, found, volume or Volume())

    def _add(self, job: Job, found: SetPlan, shared: Volume) -> None:
        """Add a set's plan, and to the total what no other set has in common with it."""
        cost = self._pricing.cost(job.translator, found.volume) if found.volume else Cost()
        self._sets.append(dataclasses.replace(found, cost=cost))
        self._add_to_total(job.translator_name, job.translator, shared)

    def _add_to_total(self, name: str, translator: Translator | None, volume: Volume) -> None:
        _, before = self._totals.get(name, (None, Volume()))
        self._totals[name] = (translator, before + volume)

    def _embed(self, job: Job, wanted: Texts, counts: Counts) -> None:
        """Add what embedding models will read of a set: every text that MTEB shows a model, translated."""
        for model in self._embedded:
            name, _ = tokens.tokenizer_of(model)
            english = sum(map(tokens.load(name).count, (segment.text for segment in wanted)))
            translated = english * _expansion(model, job.language)
            if job.bitext:
                pairs = min(job.bitext.max_pairs / max(len(wanted), 1), 1.0)
                self._embedded[model] += pairs * (english + translated)
            else:
                self._embedded[model] += counts.characters / max(_characters(wanted), 1) * translated


def _under(profile: Profile, made: Plan) -> ProfilePlan:
    return ProfilePlan(
        profile=profile.label, total=made.total, cost=made.cost, exact=made.exact, complete=made.complete
    )


def _volume(work: Work, wanted: Iterable[Segment], usage: Usage) -> Volume:
    segments = list(wanted)
    return Volume(
        segments=len(segments),
        cached=len(work.hits),
        failed=len(work.failed),
        gaps=len(work.gaps),
        to_ask=len(work.missing),
        characters=_characters(segments),
        usage=usage,
    )


def _characters(segments: Iterable[Segment]) -> int:
    return sum(len(segment.text) for segment in segments)


def _expansion(model: str, language: Language) -> float:
    name, _ = tokens.tokenizer_of(model)
    return tokens.expansion(language, name).factor


def _embedding(model: str, count: float) -> EmbeddingPlan:
    known = costs.embedding_price(model)
    return EmbeddingPlan(
        model=known.model if known else model,
        tokens=round(count),
        dollars=known.price * count / 1_000_000 if known else None,
        price=known.price if known else None,
        date=known.date if known else None,
    )


def _notes(estimator: Estimator) -> Iterator[str]:
    """What an estimate rests on, where that is not what one would expect."""
    preset = estimator.endpoint.preset
    if not estimator.own_tokenizer:
        yield f"no package carries the tokenizer of {preset.model}; another one counted in its place"
    factor, source = estimator.expansion.factor, estimator.expansion.source
    yield f"{factor:.2f} tokens for each of its English, " + (
        f"measured on {source}" if source else "a guess: nobody measured this language"
    )
    if preset.reasoning_effort not in (None, "none"):
        yield f"what it thinks before it answers ({preset.reasoning_effort} effort) is not counted"
    if preset.prices:
        yield f"prices of {preset.prices.date}, nothing off for cached prompts"
    else:
        yield "nobody wrote its prices down; with --tokens-per-second the plan says how many GPU-hours it takes"
