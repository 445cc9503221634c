"""Presets: translators that are data. A model, where it is served, and how it wants to be asked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from mmteb_synth.errors import SpecError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.specs import parse, read_toml
from mmteb_synth.translate.vllm.hardware import Serving

OPENAI = "https://api.openai.com/v1"

_FOLDER = Path(__file__).parent / "presets"
_OUTPUT_FLOOR = 256
_OUTPUT_PER_CHARACTER = 4
"""Tokens of an answer for a character of English: twice what the costliest scripts take under older tokenizers."""
_INSTRUCTION_TOKENS = 600
"""What is left free in a window for the instructions and the chat template: twice what the longest prompt takes."""
_CHARACTERS_PER_TOKEN = 2
"""Of a text that must fit for sure. English has four; its translation into Turkish about two and a half."""
_SMALLEST_PART = 200
"""Characters of a text that is not worth cutting: no window is so small that it had to be."""

_RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "translation",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"translation": {"type": "string"}},
            "required": ["translation"],
            "additionalProperties": False,
        },
    },
}
_OWN_PARAMETERS = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "reasoning_effort"}
    | {"response_format", "stream", "n"}
)
"""Parameters that fields of a preset or the program itself set."""


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
    """US dollars for a million tokens, on a date.

    Attributes:
        date: When they were looked up.
        input: For what is sent.
        cached_input: For what is sent and was sent shortly before; as `input` where there is no such price.
        output: For what is answered, reasoning included.
        batch_discount: The share that the Batch API is cheaper by, 0 to 1; none where there is no such API.
    """

    date: date
    input: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    output: float = Field(ge=0)
    batch_discount: float | None = Field(default=None, ge=0, le=1)


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
        window: Tokens of prompt and answer together that the model can take.
        max_output_tokens: The most tokens that the model can answer with.
        max_tokens_parameter: What the endpoint calls the limit of an answer's tokens.
        temperature: The temperature to ask for, or "default" where the model accepts none.
        reasoning_effort: How much the model thinks before it answers, for models that can be told.
        structured_output: Whether the endpoint can be held to a JSON schema (`response_format`).
        system_role: Whether the model's chat template knows a system message.
        extra_body: Further parameters, as `chat_template_kwargs = { enable_thinking = false }`.
        concurrency: Requests in flight at most, unless the user says otherwise.
        requests_per_minute: What the account's limit is, where it is known.
        tokens_per_minute: What the account's limit is, where it is known.
        languages: The languages its maker claims, as ISO 639-3 codes; empty where nothing is claimed.
        claims_source: Where its maker claims them, as a URL.
        prices: What it costs.
        tokenizer: What counts its tokens: `cl100k_base`, `o200k_base`, `mistral`, or a name on the Hub.
        shutdown_date: When OpenAI's own endpoint stopped or stops serving it.
        substitute: The translator to use then.
        fallback: Translators that are asked, in this order, for what this one can't mend.
        weights: Which weights answer.
        serving: What serving it on one's own GPUs takes; none where the weights are not open.
    """

    name: str
    description: str = ""
    model: str = Field(min_length=1)
    base_url: str = OPENAI
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    api_key_optional: bool = False
    window: int | None = Field(default=None, ge=1)
    max_output_tokens: int | None = Field(default=None, ge=1)
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: float | Literal["default"] = 0.0
    reasoning_effort: str | None = Field(default=None, min_length=1)
    structured_output: bool = False
    system_role: bool = True
    extra_body: dict[str, Any] = Field(default_factory=dict)
    concurrency: int = Field(default=16, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    languages: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")], ...] = ()
    claims_source: str | None = Field(default=None, pattern=r"^https?://")
    prices: Prices | None = None
    tokenizer: str | None = Field(default=None, min_length=1)
    shutdown_date: date | None = None
    substitute: str | None = None
    fallback: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = ()
    weights: Weights = Weights()
    serving: Serving | None = None

    _check_base_url = field_validator("base_url")(check_url)

    def __hash__(self) -> int:  # a table has no hash of its own
        return hash((self.name, self.model, self.base_url))

    @field_validator("extra_body")
    @classmethod
    def _check_extra_body(cls, value: dict[str, Any]) -> dict[str, Any]:
        own = sorted(_OWN_PARAMETERS & set(value))
        if own:
            raise ValueError(
                f"{', '.join(own)} can't be set here; temperature and the like are fields of the preset"
            )
        try:
            canonical_json(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"it can't be sent as JSON: {error}") from error
        return value

    @property
    def max_characters(self) -> int | None:
        """Characters of a text beyond which it is translated in parts; None where no limit is known.

        Prompt and answer share the window, and an answer has a limit of its own. An answer that turns out longer
        is cut off with `finish_reason=length`, and then asked for in parts too.
        """
        limits = []
        if self.max_output_tokens is not None:
            limits.append(self.max_output_tokens * _CHARACTERS_PER_TOKEN)
        if self.window is not None:
            room = self.window - _INSTRUCTION_TOKENS
            beside_longest = (room - (self.max_output_tokens or room)) * _CHARACTERS_PER_TOKEN
            beside_own = (room - _OUTPUT_FLOOR) * _CHARACTERS_PER_TOKEN
            limits.append(
                max(beside_longest, beside_own // (1 + _OUTPUT_PER_CHARACTER * _CHARACTERS_PER_TOKEN))
            )
        return max(min(limits), _SMALLEST_PART) if limits else None

    def decoding(self) -> dict[str, Any]:
        """What decides the answers besides the messages, for keys and manifests."""
        return {
            "temperature": self.temperature,
            "reasoning_effort": self.reasoning_effort,
            "structured_output": self.structured_output,
            "extra_body": self.extra_body,
            "output_tokens": {
                "floor": _OUTPUT_FLOOR,
                "per_character": _OUTPUT_PER_CHARACTER,
                "most": self.max_output_tokens,
            },
        }

    def parameters(self, text: str) -> dict[str, Any]:
        """The parameters of the request for a text's translation; all but the model and the messages."""
        parameters: dict[str, Any] = {**self.extra_body, self.max_tokens_parameter: self.output_tokens(text)}
        if self.temperature != "default":
            parameters["temperature"] = self.temperature
        if self.reasoning_effort is not None:
            parameters["reasoning_effort"] = self.reasoning_effort
        if self.structured_output:
            parameters["response_format"] = _RESPONSE_FORMAT
        return parameters

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
