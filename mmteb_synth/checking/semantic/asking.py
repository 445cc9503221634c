"""What the checks that ask a translator share: which can be asked, its name in judgements, its cache keys."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmteb_synth.errors import UsageError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.stopping import Stop
from mmteb_synth.translate import engine
from mmteb_synth.translate.asking import Meter
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.engine import TranslationRun
from mmteb_synth.translate.limits import RetryPolicy
from mmteb_synth.translate.preset import Preset
from mmteb_synth.translate.templates import Message
from mmteb_synth.translate.translators import Translator
from mmteb_synth.types import Language, ProgressHook, Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a translator is asked.

    Attributes:
        cache: Where its answers are kept, so that none is paid for twice.
        concurrency: Requests in flight at most; the translator's own number by default.
        offline: Ask nobody; what the cache lacks is a failure.
        retry_failed: Ask again where the answer was refused, cut off or malformed.
        retries: What to do about requests that fail.
        meter: Says when the budget is spent.
        stop: Says when the run should end.
    """

    cache: Cache
    concurrency: int | None = None
    offline: bool = False
    retry_failed: bool = False
    retries: RetryPolicy | None = None
    meter: Meter | None = None
    stop: Stop | None = None

    def ask(
        self,
        segments: Sequence[Segment],
        language: Language,
        translator: Translator,
        progress: ProgressHook | None = None,
    ) -> TranslationRun:
        """Ask for segments, through the cache; what comes back is nobody's translation, so no check judges it.

        Raises:
            TranslatorError: The translator can't be used, or stopped answering anything.
            CacheError: The cache can't be read or written.
            Stopped: `stop` asked for it before all was done.
        """
        return engine.translate(
            segments,
            language,
            translator,
            self.cache,
            concurrency=self.concurrency,
            offline=self.offline,
            retry_failed=self.retry_failed,
            progress=progress,
            retries=self.retries,
            meter=self.meter,
            stop=self.stop,
        )


def check_served(endpoint: Endpoint) -> None:
    """Make sure that a preset's model is asked at one address.

    Raises:
        UsageError: It would run in this process.
    """
    if type(endpoint) is not Endpoint:
        raise UsageError(
            f"{endpoint.name} can't run in this process for a check",
            hint=f"serve it and name where it is: mmteb-synth serve {endpoint.name}; … --base-url URL",
        )


def title(endpoint: Endpoint) -> str:
    """The model's name in judgements; one's own preset with a shipped name bears the mark of what it changes."""
    name = endpoint.preset.name
    return name if name.startswith("openai:") else endpoint.label


def request_key(
    preset: Preset, messages: Sequence[Message], language: Language, about: Mapping[str, Any], text: str
) -> bytes:
    """The cache key of a request that is no translation from English: all that decides its answer.

    Args:
        preset: The model and how it wants to be asked.
        messages: The messages, without the text.
        language: The language of the hypotheses.
        about: What else decides the answer; it has the word `asked_for`, so no key is ever a translation's.
        text: The text.
    """
    prefix = canonical_json(
        {
            **about,
            "model": preset.model,
            "weights": preset.weights.model_dump(),
            "decoding": preset.decoding(),
            "messages": list(messages),
            "language": language.code,
        }
    )
    state = _state(prefix).copy()
    state.update(text.encode())
    return state.digest()


@functools.lru_cache(maxsize=64)
def _state(prefix: str) -> hashlib.blake2b:
    # The text follows a newline, which canonical JSON can't hold, so no two requests read alike.
    return hashlib.blake2b(f"{prefix}\n".encode(), digest_size=16)
