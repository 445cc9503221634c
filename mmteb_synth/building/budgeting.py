"""Which suite, and how much of it, a sum of money pays for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmteb_synth import paths
from mmteb_synth.building.jobs import BuildOptions
from mmteb_synth.building.planning import plan
from mmteb_synth.data.profiles import Profile
from mmteb_synth.errors import UsageError
from mmteb_synth.selection import Member
from mmteb_synth.types import Language

LIMITS = (100, 1_000, 10_000, None)
"""The limits that are tried under one profile; None is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A suite under a profile or with a limit, and what it costs.

    Attributes:
        suite: The suite's name.
        profile: Its `--profile`.
        limit: Its `--limit`; None for none.
        segments: Unique segments.
        dollars: What translating those that the cache lacks will cost, asked live, and what embedding them will, where
            models were named; None where a set of it is unknown.
        exact: Whether every set of it was read.
    """

    suite: str
    profile: str
    limit: int | None
    segments: int
    dollars: float | None
    exact: bool


def offers(
    wanted: Sequence[Language],
    suites: Mapping[str, Sequence[Member]],
    *,
    options: BuildOptions,
    folders: paths.Folders,
    profiles: Sequence[Profile] = (),
    models: Sequence[str] = (),
) -> tuple[Offer, ...]:
    """Suites under several profiles and at several limits, the smallest first.

    Args:
        wanted: The languages.
        suites: The sets of each suite.
        options: How they would be built; with a limit, only that one is tried.
        folders: Where cache and data sets lie.
        profiles: Other profiles than that of the options to try, without a limit unless the options have one.
        models: Embedding models behind an API that the money must pay for too.

    Raises:
        UsageError: Nobody knows what the translator or a model costs.
    """
    limits = LIMITS if options.limit is None else (options.limit,)
    tried = [(options.profile, limit) for limit in limits]
    tried += [(profile, options.limit) for profile in profiles if profile != options.profile]
    found = [
        _offer(
            name, wanted, members, dataclasses.replace(options, profile=profile, limit=limit), folders, models
        )
        for name, members in suites.items()
        for profile, limit in tried
    ]
    return tuple(sorted(found, key=lambda offer: (offer.segments, offer.suite)))


def largest(offered: Sequence[Offer], budget: float) -> Offer | None:
    """The offer with most segments that a sum pays for; None where it pays for none.

    Args:
        offered: The offers.
        budget: US dollars.
    """
    fitting = [offer for offer in offered if offer.dollars is not None and offer.dollars <= budget]
    return max(fitting, key=lambda offer: (offer.segments, offer.limit is None), default=None)


def _offer(
    name: str,
    wanted: Sequence[Language],
    members: Sequence[Member],
    options: BuildOptions,
    folders: paths.Folders,
    models: Sequence[str],
) -> Offer:
    made = plan(wanted, members, options=options, folders=folders, models=models)
    if made.cost.dollars is None:
        raise UsageError(
            f"--budget needs prices, and nobody knows those of {options.translator}",
            hint="write a preset with [prices]: --translator FILE.toml",
        )
    dollars = made.cost.dollars
    for embedding in made.embeddings:
        if embedding.dollars is None:
            raise UsageError(
                f"--budget needs prices, and that of {embedding.model} is not on record",
                hint="leave --evaluate out: a plan without --budget counts the model's tokens",
            )
        dollars += embedding.dollars
    return Offer(
        suite=name,
        profile=options.profile.label,
        limit=options.limit,
        segments=made.total.segments,
        dollars=dollars if made.complete else None,
        exact=made.exact,
    )
