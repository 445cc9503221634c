"""Corrections that people made in a review, kept as translations of the translator `post-edited`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmteb_synth.translate.backends.replay import POST_EDITED, POST_EDITED_VERSION
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row, replay_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A text as a person would have it.

    Attributes:
        language: The target language, as `tur-Latn`.
        source: The English.
        translation: The corrected translation.
        by: Who corrected it.
        hypothesis: What it stands in the place of; kept as evidence.
    """

    language: str
    source: str
    translation: str
    by: str
    hypothesis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of corrections.

    Attributes:
        added: New ones.
        equal: Those that were there already.
        replaced: Those that took the place of others.
    """

    added: int = 0
    equal: int = 0
    replaced: int = 0


def keep(cache: Cache, corrections: Sequence[Correction]) -> Kept:
    """Store corrections; a newer one takes the place of the one that is there.

    Args:
        cache: The cache.
        corrections: At most one for each text and language.

    Raises:
        CacheError: The cache can't be written.
    """
    rows = [_row(correction) for correction in corrections]
    with cache.transaction():
        standing = cache.lookup([row.key for row in rows])
        fresh = [row for row in rows if row.key not in standing]
        changed = [
            row for row in rows if row.key in standing and standing[row.key].translation != row.translation
        ]
        cache.put(fresh)
        cache.replace(changed)
    return Kept(added=len(fresh), equal=len(rows) - len(fresh) - len(changed), replaced=len(changed))


def _row(correction: Correction) -> Row:
    return Row(
        key=replay_key(POST_EDITED, POST_EDITED_VERSION, correction.language, correction.source),
        translator=POST_EDITED,
        language=correction.language,
        kind=None,
        source=correction.source,
        translation=correction.translation,
        model=correction.by,
        raw=correction.hypothesis,
    )
