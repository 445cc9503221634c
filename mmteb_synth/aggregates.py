"""Tasks that are made of others: their score is the mean of their parts', as CQADupstackRetrieval's of twelve forums.

Only the parts are built and stored. A set of an aggregate bears the name of its parts' sets with its own in front.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from mmteb_synth import facts
from mmteb_synth.hashing import json_digest


def parts(name: str) -> tuple[str, ...]:
    """The English tasks that an aggregate is made of; none for any other task, and none where they are not English."""
    known = facts.task(name)
    return known.parts if known and known.english else ()


@functools.cache
def names() -> tuple[str, ...]:
    """The aggregates that can be translated."""
    return tuple(name for name in facts.tasks() if parts(name))


def sets(name: str) -> tuple[str, dict[str, str]] | None:
    """What the set of an aggregate is made of.

    Args:
        name: A set's name, as `CQADupstackRetrieval.tur-Latn.gpt-4.1-mini`.

    Returns:
        The aggregate, and for each of its parts the name of the part's set; None for the name of any other set.
    """
    for aggregate in names():
        if name.startswith(f"{aggregate}."):
            rest = name.removeprefix(aggregate)
            return aggregate, {part: part + rest for part in parts(aggregate)}
    return None


def revision(revisions: Mapping[str, str]) -> str:
    """The revision of an aggregate: another one as soon as a part's content is.

    Args:
        revisions: Part to the digest of its set's content.
    """
    return json_digest(dict(revisions), 40)
