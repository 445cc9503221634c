"""The translator of a preset: who is asked where, under which keys, and what may stand in the way."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from mmteb_synth import languages
from mmteb_synth.errors import TranslatorError
from mmteb_synth.hashing import canonical_json, json_digest
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.preset import Preset, shipped_presets
from mmteb_synth.translate.templates import PROMPT_VERSION, Template, template
from mmteb_synth.types import Kind, Language, Segment

SOON = timedelta(days=60)
"""A shutdown that is nearer than this is warned of."""

_LISTED_LANGUAGES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The translator of a preset; see `translators.Translator` for what its attributes mean.

    Attributes:
        preset: The model and how it wants to be asked.
        base_url: Where it is asked.
        label: The translator's name in the names of data sets.
        given_url: Whether the user named the endpoint; then it may be one that wants no key.
    """

    preset: Preset
    base_url: str
    label: str
    given_url: bool = False

    grade = None
    gap = None

    @property
    def name(self) -> str:
        """The translator's name."""
        return self.preset.name

    @property
    def version(self) -> str:
        """The model's name as it is sent."""
        return self.preset.model

    @property
    def prompt_version(self) -> int | None:
        """The version of the prompts."""
        return PROMPT_VERSION

    @property
    def decoding(self) -> str:
        """The decoding for signatures, as `t0`."""
        temperature = self.preset.temperature
        return temperature if isinstance(temperature, str) else f"t{temperature:g}"

    @property
    def concurrency(self) -> int:
        """Requests in flight at most, by default."""
        return self.preset.concurrency

    @property
    def max_characters(self) -> int | None:
        """Characters of a text beyond which it is translated in parts."""
        return self.preset.max_characters

    def identity(self) -> dict[str, Any]:
        """What decides the translations. The endpoint's address is not among it: keys leave it out too."""
        return {"translator": self.name, **_identity(self.preset)}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key of a request: messages, model, weights and decoding."""
        if segment.note:  # hardly ever the same twice
            state = _request_state(self.preset, segment.kind, segment.register, language, segment.note)
        else:
            state = _key_state(self.preset, segment.kind, segment.register, language).copy()
        state.update(segment.text.encode())
        return state.digest()

    def template(self, segment: Segment, language: Language) -> Template:
        """The messages for a segment; its text is still to be put in."""
        system_role = self.preset.system_role
        if segment.note:
            return template(
                segment.kind, segment.register, language, note=segment.note, system_role=system_role
            )
        return _template(system_role, segment.kind, segment.register, language)

    def check_language(self, language: Language) -> str | None:
        """A warning where the model's maker does not claim the language."""
        claimed = self.preset.languages
        if not claimed or _macro(language.iso639_3) in map(_macro, claimed):
            return None
        listed = f": {', '.join(claimed)}" if len(claimed) <= _LISTED_LANGUAGES else ""
        source = f", {self.preset.claims_source}" if self.preset.claims_source else ""
        return (
            f"{language.name} ({language.code}) is not among the {len(claimed)} languages that the maker of "
            f"{self.name} claims{listed}{source}; expect poor translations"
        )

    def api_key(self) -> str | None:
        """The key from the environment, or None where it is not set."""
        value = os.environ.get(self.preset.api_key_env, "") if self.preset.api_key_env else ""
        return value.strip() or None

    def obstacle(self, today: date | None = None) -> TranslatorError | None:
        """Why the endpoint can't be asked, as far as this is known without asking.

        Args:
            today: The date to judge a retirement by; the present one by default.
        """
        preset = self.preset
        today = today or datetime.now(UTC).date()
        if preset.shutdown_date and today >= preset.shutdown_date and _is_openai(self.base_url):
            return self._retired(f"OpenAI retired {preset.model} on {preset.shutdown_date}", today)
        key = self.api_key()
        if key is None and preset.api_key_env and not (preset.api_key_optional or self.given_url):
            return TranslatorError(
                f"{preset.api_key_env} is not set, and {self.name} needs a key",
                hint=f"export {preset.api_key_env}=…, or name an endpoint of your own with --base-url",
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            return TranslatorError(f"{preset.api_key_env} holds characters that no key can have")
        return None

    def retirement(self, announced: date | None, today: date | None = None) -> str | None:
        """A warning of a shutdown that is near.

        Args:
            announced: The date in the endpoint's own list of models, which is believed over the preset's.
            today: The date to judge by; the present one by default.

        Raises:
            TranslatorError: The endpoint's list says that the model is shut down already.
        """
        today = today or datetime.now(UTC).date()
        if announced is not None and announced <= today:
            raise self._retired(
                f"{self.base_url} says that it shut down {self.preset.model} on {announced}", today
            )
        date = announced or (self.preset.shutdown_date if _is_openai(self.base_url) else None)
        if date is None or not today < date < today + SOON:
            return None
        substitute = self._substitute(today)
        instead = f"; {substitute} is meant to take its place" if substitute else ""
        return f"{self.preset.model} will be shut down on {date}, in {(date - today).days} days{instead}"

    def _retired(self, message: str, today: date) -> TranslatorError:
        substitute = self._substitute(today)
        elsewhere = "name a compatible endpoint that still serves it with --base-url"
        hint = f"use --translator {substitute}, or {elsewhere}" if substitute else elsewhere
        return TranslatorError(message, hint=hint)

    def _substitute(self, today: date) -> str | None:
        """The preset's substitute, or that one's own where it is retired too."""
        name, presets = self.preset.substitute, shipped_presets()
        while name in presets and name is not None:
            preset = presets[name]
            if not preset.substitute or not preset.shutdown_date or today < preset.shutdown_date:
                break
            name = preset.substitute
        return name

    def backend(self, concurrency: int) -> Backend:
        """The client that asks the endpoint."""
        from mmteb_synth.translate.backends.openai import OpenAIBackend

        return OpenAIBackend(endpoint=self, concurrency=concurrency)


def _identity(preset: Preset) -> dict[str, Any]:
    return {
        "model": preset.model,
        "weights": preset.weights.model_dump(),
        "decoding": preset.decoding(),
        "system_role": preset.system_role,
        "prompt": PROMPT_VERSION,
    }


def override_label(preset: Preset) -> str:
    """The label of a user's preset that bears a shipped name: that name and eight digits of what it changes."""
    return f"{preset.name}.{json_digest(_identity(preset), 8)}"


def _is_openai(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


@functools.cache
def _macro(iso639_3: str) -> str:
    """The macro-language of a language: a maker who claims Swahili (swa) claims its standard form (swh)."""
    return languages.family(f"{iso639_3}-Zyyy").split("-")[0]


@functools.lru_cache(maxsize=256)
def _template(system_role: bool, kind: Kind, register: str, language: Language) -> Template:
    return template(kind, register, language, system_role=system_role)


@functools.lru_cache(maxsize=256)
def _key_state(preset: Preset, kind: Kind, register: str, language: Language) -> hashlib.blake2b:
    return _request_state(preset, kind, register, language)


def _request_state(
    preset: Preset, kind: Kind, register: str, language: Language, note: str = ""
) -> hashlib.blake2b:
    # The text follows a newline, which canonical JSON can't hold, so no two requests read alike.
    request = {
        "model": preset.model,
        "weights": preset.weights.model_dump(),
        "decoding": preset.decoding(),
        "messages": template(kind, register, language, note=note, system_role=preset.system_role).messages(
            ""
        ),
        "language": language.code,
    }
    return hashlib.blake2b(f"{canonical_json(request)}\n".encode(), digest_size=16)
