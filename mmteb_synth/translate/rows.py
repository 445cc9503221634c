"""What is kept of each answer, and under which key a translation lies that depends on its text alone."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

from mmteb_synth.hashing import canonical_json
from mmteb_synth.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One answer of a translator, with where it came from.

    Attributes:
        key: 16 or 32 bytes: the blake2b digest of all that decided the answer.
        translator: The translator's name, as `gpt-4.1-mini` or `import:deepl`.
        language: The target language, as `tur-Latn`.
        kind: What the text is in its data set; None where one translation serves every kind.
        source: The English text, to the code point.
        translation: The translation, or None: kept as evidence (a refusal, cut off, empty), never served.
        prompt_version: The version of the prompt, where there was one.
        model: The model as the server named it.
        finish_reason: Why the answer ended, as in `types.Answer`.
        input_tokens: Tokens sent, as the server counted them.
        output_tokens: Tokens received, as the server counted them.
        created: When, as ISO 8601 in UTC to the second; `Cache.put` fills it in when empty.
        raw: The answer as it came, where it differs from the translation.
        checks: The version of the checks that judged the translation; None where none has.
        verdicts: What they said of it, as a JSON list; None where they found nothing.
    """

    key: bytes
    translator: str
    language: str
    kind: str | None
    source: str
    translation: str | None
    prompt_version: int | None = None
    model: str | None = None
    finish_reason: str = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    created: str = ""
    raw: str | None = None
    checks: int | None = None
    verdicts: str | None = None


class Provenance(NamedTuple):
    """Where a translation came from; see `Row`."""

    translator: str | None = None
    model: str | None = None
    prompt_version: int | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    created: str | None = None


@dataclass(slots=True, kw_only=True)
class Answers:
    """What the cache holds under some keys.

    Attributes:
        translations: By key.
        evidence: Why an answer is not served, for keys with nothing but such a row.
        verdicts: What today's checks said of translations, where they found fault or wondered.
        unjudged: Translations that today's checks have not seen.
    """

    translations: dict[bytes, str] = field(default_factory=dict)
    evidence: dict[bytes, str] = field(default_factory=dict)
    verdicts: dict[bytes, tuple[Verdict, ...]] = field(default_factory=dict)
    unjudged: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What the cache's file holds of one translator and language.

    Attributes:
        translator: The translator's name.
        language: The target language.
        served: Rows with a translation.
        evidence: Rows without one.
        characters: Characters of English text that have a translation.
        input_tokens: Tokens sent for all rows.
        output_tokens: Tokens received for all rows.
    """

    translator: str
    language: str
    served: int
    evidence: int
    characters: int
    input_tokens: int
    output_tokens: int


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


def replay_key(translator: str, version: str, language: str, source: str) -> bytes:
    """The key of a translation that depends on nothing but the translator, the language and the text.

    Args:
        translator: The translator's name.
        version: Its version: another one makes other translations.
        language: The target language, as `tur-Latn`.
        source: The English text.

    Returns:
        16 bytes.
    """
    digest = _replay_state(translator, version, language).copy()
    digest.update(source.encode())
    return digest.digest()


@functools.lru_cache(maxsize=64)
def _replay_state(translator: str, version: str, language: str) -> hashlib.blake2b:
    # Canonical JSON holds no newline, so the prefix ends where the newline says, whatever text follows.
    prefix = canonical_json({"translator": translator, "version": version, "language": language})
    return hashlib.blake2b(f"{prefix}\n".encode(), digest_size=16)
