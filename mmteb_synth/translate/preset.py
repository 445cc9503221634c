"""Presets: translators that are data. A model, where it is served, and how it wants to be asked."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mmteb_synth.errors import SpecError, TranslatorError
from mmteb_synth.hashing import canonical_json, json_digest
from mmteb_synth.specs import parse, read_toml
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.templates import PROMPT_VERSION, Template, template
from mmteb_synth.types import Kind, Language, Segment

OPENAI = "https://api.openai.com/v1"

_FOLDER = Path(__file__).parent / "presets"
_OUTPUT_FLOOR = 256
_OUTPUT_PER_CHARACTER = 4
"""Tokens of an answer for a character of English: twice what the costliest scripts take under older tokenizers."""


def check_url(value: str) -> str:
    """An endpoint's address without a slash at its end.

    Raises:
        ValueError: It is not an http(s) address, or carries credentials.
    """
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{value!r} is not an address: {error}") from error
    if "@" in parts.netloc:  # and so not repeated here
        raise ValueError("an address must not hold a user name or password; keys come from the environment")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{value!r} is not an http:// or https:// address")
    if parts.query or parts.fragment:
        raise ValueError(f"{value!r} must end with its path, as http://127.0.0.1:8000/v1")
    return value.rstrip("/")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prices(_Strict):
    """US dollars for a million tokens, on a date."""

    date: date
    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Weights(_Strict):
    """Which weights answer, where the model's name alone leaves that open.

    Attributes:
        revision: A commit of the weights' repository.
        quantisation: As `awq` or `fp8`; none by default.
    """

    revision: str | None = None
    quantisation: str | None = None


class Preset(_Strict):
    """A model behind an OpenAI-compatible endpoint.

    Attributes:
        name: The translator's name; the file's stem.
        description: One line for the list of translators.
        model: The model's name as the endpoint knows it; a dated one where there is one.
        base_url: The endpoint.
        api_key_env: The environment variable that holds the key; none where no key is sent.
        api_key_optional: Whether the endpoint may be asked without a key, as one's own server.
        max_tokens_parameter: What the endpoint calls the limit of an answer's tokens.
        max_output_tokens: The most tokens that the model can answer with.
        temperature: The temperature to ask for, or "default" where the model accepts none.
        system_role: Whether the model's chat template knows a system message.
        concurrency: Requests in flight at most, unless the user says otherwise.
        languages: The languages its maker claims, as ISO 639-3 codes; empty where nothing is claimed.
        prices: What it costs.
        shutdown_date: When OpenAI's own endpoint stopped or stops serving it.
        substitute: The translator to use then.
        weights: Which weights answer.
    """

    name: str
    description: str = ""
    model: str = Field(min_length=1)
    base_url: str = OPENAI
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    api_key_optional: bool = False
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | Literal["default"] = 0.0
    system_role: bool = True
    concurrency: int = Field(default=16, ge=1)
    languages: tuple[str, ...] = ()
    prices: Prices | None = None
    shutdown_date: date | None = None
    substitute: str | None = None
    weights: Weights = Weights()

    _check_base_url = field_validator("base_url")(check_url)

    def decoding(self) -> dict[str, Any]:
        """What decides the answers besides the messages, for keys and manifests."""
        limit = {
            "floor": _OUTPUT_FLOOR,
            "per_character": _OUTPUT_PER_CHARACTER,
            "most": self.max_output_tokens,
        }
        return {"temperature": self.temperature, "output_tokens": limit}

    def output_tokens(self, text: str) -> int:
        """The most tokens that the answer to a text may have: enough for any language, too few to run away."""
        tokens = _OUTPUT_FLOOR + _OUTPUT_PER_CHARACTER * len(text)
        return min(tokens, self.max_output_tokens) if self.max_output_tokens else tokens


def read_preset(path: Path) -> Preset:
    """Read a preset's TOML file.

    Raises:
        SpecError: The file is missing, is not TOML, or says something that can't be.
    """
    values = read_toml(path)
    if "name" in values:
        raise SpecError(f"{path}: 'name' is taken from the file's name and must not be set")
    return parse(Preset, {"name": path.stem, **values}, str(path))


@functools.cache
def shipped_presets() -> Mapping[str, Preset]:
    """The presets that come with the package, by name."""
    return {path.stem: read_preset(path) for path in sorted(_FOLDER.glob("*.toml"))}


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

    def identity(self) -> dict[str, Any]:
        """What decides the translations. The endpoint's address is not among it: keys leave it out too."""
        return {"translator": self.name, **_identity(self.preset)}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key of a request: messages, model, weights and decoding."""
        state = _key_state(self.preset, segment.kind, segment.register, language).copy()
        state.update(segment.text.encode())
        return state.digest()

    def template(self, segment: Segment, language: Language) -> Template:
        """The messages for a segment; its text is still to be put in."""
        return _template(self.preset.system_role, segment.kind, segment.register, language)

    def check_language(self, language: Language) -> str | None:
        """A warning where the model's maker does not claim the language."""
        claimed = self.preset.languages
        if not claimed or language.iso639_3 in claimed:
            return None
        return (
            f"the maker of {self.name} claims {', '.join(claimed)} and not {language.name} ({language.code}): "
            "expect poor translations"
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
            elsewhere = "name a compatible endpoint that still serves it with --base-url"
            return TranslatorError(
                f"OpenAI retired {preset.model} on {preset.shutdown_date}",
                hint=f"use --translator {preset.substitute}, or {elsewhere}"
                if preset.substitute
                else elsewhere,
            )
        key = self.api_key()
        if key is None and preset.api_key_env and not (preset.api_key_optional or self.given_url):
            return TranslatorError(
                f"{preset.api_key_env} is not set, and {self.name} needs a key",
                hint=f"export {preset.api_key_env}=…, or name an endpoint of your own with --base-url",
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            return TranslatorError(f"{preset.api_key_env} holds characters that no key can have")
        return None

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


@functools.lru_cache(maxsize=256)
def _template(system_role: bool, kind: Kind, register: str, language: Language) -> Template:
    return template(kind, register, language, system_role=system_role)


@functools.lru_cache(maxsize=256)
def _key_state(preset: Preset, kind: Kind, register: str, language: Language) -> hashlib.blake2b:
    # The text follows a newline, which canonical JSON can't hold, so no two requests read alike.
    request = {
        "model": preset.model,
        "weights": preset.weights.model_dump(),
        "decoding": preset.decoding(),
        "messages": _template(preset.system_role, kind, register, language).messages(""),
        "language": language.code,
    }
    return hashlib.blake2b(f"{canonical_json(request)}\n".encode(), digest_size=16)
