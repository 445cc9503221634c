"""Translators by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from mmteb_synth.errors import SynthError, UnknownNameError, UsageError
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.backends.replay import (
    AUTHORED,
    AUTHORED_VERSION,
    POST_EDITED,
    POST_EDITED_VERSION,
    ReplayTranslator,
)
from mmteb_synth.translate.endpoint import Endpoint, override_label
from mmteb_synth.translate.preset import Preset, check_url, read_preset, shipped_presets
from mmteb_synth.types import Language, Segment

APERTIUM = "apertium"
SOURCE = "source"
VLLM = "vllm:"

_LIST_HINT = "mmteb-synth translators"
_CALLABLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_IMPORT = re.compile(r"import:[A-Za-z0-9][A-Za-z0-9._-]*")


class Translator(Protocol):
    """Something that translates, or once did."""

    @property
    def name(self) -> str:
        """Its name, as the user writes it."""
        ...

    @property
    def label(self) -> str:
        """The name in the names of data sets: `import:deepl` is `import-deepl` there."""
        ...

    @property
    def version(self) -> str:
        """What tells its translations from those it made earlier, as far as one word can."""
        ...

    @property
    def prompt_version(self) -> int | None:
        """The version of its prompts; None where it has none, and then one translation serves every kind."""
        ...

    @property
    def decoding(self) -> str:
        """How it decodes, for signatures: `t0` for temperature 0, `-` where there is no such thing."""
        ...

    @property
    def grade(self) -> Literal["demonstration"] | None:
        """Whether its scores only show that everything works."""
        ...

    @property
    def gap(self) -> str | None:
        """Why a text is missing, where nobody can be asked for it; None where somebody can."""
        ...

    @property
    def concurrency(self) -> int:
        """Calls in flight at most, unless the user says otherwise."""
        ...

    def identity(self) -> dict[str, Any]:
        """What decides its translations, as JSON for manifests and fingerprints."""
        ...

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key of a segment's translation."""
        ...

    def check_language(self, language: Language) -> str | None:
        """A warning where the language is not among those it is good at.

        Raises:
            TranslatorError: It can't translate into that language at all.
        """
        ...

    def backend(self, concurrency: int) -> Backend | None:
        """Who answers, for a run with so many calls in flight; None where nobody can be asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatorInfo:
    """A line of the list of translators.

    Attributes:
        name: The name, or a pattern of names as `import:NAME`.
        description: One line.
        usable: Whether it can be asked here and now, as far as this is known without asking.
        why_not: Why it can't.
        languages: The languages that it can translate into or that its maker claims, as ISO 639-3 codes; empty
            where nothing is said.
        shutdown_date: When its model is or was retired, as ISO 8601.
    """

    name: str
    description: str
    usable: bool
    why_not: str | None = None
    languages: tuple[str, ...] = ()
    shutdown_date: str | None = None


def resolve(
    name: str, *, base_url: str | Sequence[str] | None = None, weights: Path | None = None
) -> Translator:
    """The translator of a name.

    Keys, endpoints and models are looked at only when something must be asked, so that a replay needs none.

    Args:
        name: `authored`, `import:NAME`, `post-edited`, a shipped preset, `apertium`, `openai:MODEL`, `package.module:callable`,
            the path of a preset's TOML file, or `vllm:` and a preset's name or path, which runs its model here.
        base_url: The endpoint to ask instead of the preset's; several share the load.
        weights: The folder with the weights of a `vllm:` translator; otherwise what MMTEB_SYNTH_WEIGHTS names.

    Raises:
        UnknownNameError: No translator has this name.
        UsageError: The name or the endpoint can't be meant so.
        TranslatorError: The translator can't be used here.
        SpecError: The preset's file is broken.
    """
    if name == SOURCE:
        raise UsageError(
            "'source' is English itself and translates into no other language",
            hint="mmteb-synth build --lang en makes the English sets",
        )
    urls = [base_url] if isinstance(base_url, str) else list(base_url or ())
    if name.startswith(VLLM) and not urls:
        return _in_process(name, weights)
    if weights is not None:
        raise UsageError(
            f"--weights is for models that run in this process, and {name!r} is none",
            hint=f"--translator {VLLM}NAME runs a model here; mmteb-synth serve NAME --weights DIR serves one",
        )
    preset = _preset(name)
    if preset is not None:
        return _endpoint(preset, name, urls)
    if urls:
        raise UsageError(
            f"--base-url is for translators behind an endpoint, and {name!r} is none", hint=_LIST_HINT
        )
    return _without_endpoint(name)


def servable(name: str) -> Preset:
    """The preset of a model that can be served on one's own GPUs.

    Args:
        name: A shipped preset's name, or the path of a preset's TOML file.

    Raises:
        UnknownNameError: There is no such preset.
        UsageError: Its weights are not open, as far as it says.
        SpecError: The preset's file is broken.
    """
    models = [known for known, preset in shipped_presets().items() if preset.serving]
    preset = _preset(name)
    if preset is None:
        raise UnknownNameError("model to serve", name, models, hint=f"these can be: {', '.join(models)}")
    if preset.serving is None:
        raise UsageError(
            f"{name} can't be served here: its preset has no table [serving]",
            hint=f"these can be: {', '.join(models)}; or a preset of your own with that table",
        )
    return preset


def available() -> list[TranslatorInfo]:
    """All translators, with what keeps those back that can't be used here."""
    presets = [_endpoint_info(preset) for preset in shipped_presets().values()]
    return [
        TranslatorInfo(name=AUTHORED, description="what is bundled with this package", usable=True),
        *presets,
        _apertium_info(),
        TranslatorInfo(
            name="import:NAME", description="what `mmteb-synth cache import` brought in", usable=True
        ),
        TranslatorInfo(
            name=POST_EDITED,
            description="corrections that `mmteb-synth review import` brought in",
            usable=True,
        ),
        TranslatorInfo(
            name="openai:MODEL", description="any model behind an OpenAI-compatible --base-url", usable=True
        ),
        TranslatorInfo(
            name="package.module:callable",
            description="a function: a list of texts and a language in, a list of texts out",
            usable=True,
        ),
        TranslatorInfo(name="FILE.toml", description="a preset of your own", usable=True),
        _vllm_info(),
    ]


def _preset(name: str) -> Preset | None:
    """The preset behind a name, where there is one."""
    if name in shipped_presets():
        return shipped_presets()[name]
    if name.endswith(".toml"):
        return read_preset(Path(name).expanduser())
    if name.startswith("openai:"):
        return _openai_preset(name)
    return None


def _openai_preset(name: str) -> Preset:
    model = name.removeprefix("openai:").strip()
    if not model:
        raise UsageError(
            "openai: needs a model's name after the colon", hint="as openai:gpt-4.1-mini-2025-04-14"
        )
    return Preset(name=name, model=model, api_key_env="OPENAI_API_KEY")


def _endpoint(preset: Preset, name: str, base_urls: Sequence[str]) -> Endpoint:
    label = _preset_label(preset, name)
    try:
        urls = list(dict.fromkeys(map(check_url, base_urls)))
    except ValueError as error:
        raise UsageError(f"--base-url: {error}") from error
    if not urls:
        return Endpoint(preset=preset, base_url=preset.base_url, label=label)
    endpoints = [Endpoint(preset=preset, base_url=url, label=label, given_url=True) for url in urls]
    if len(endpoints) == 1:
        return endpoints[0]
    from mmteb_synth.translate.sharing import SharedEndpoint

    return SharedEndpoint(
        preset=preset, base_url=urls[0], label=label, given_url=True, others=tuple(endpoints[1:])
    )


def _in_process(name: str, weights: Path | None) -> Endpoint:
    """The model of a preset in this process: name, label and keys are those of the preset."""
    from mmteb_synth.translate.backends.vllm import InProcess
    from mmteb_synth.translate.vllm import environment

    inner = name.removeprefix(VLLM)
    preset = servable(inner)
    return InProcess(
        preset=preset,
        base_url=preset.base_url,
        label=_preset_label(preset, inner),
        weights=weights if weights is not None else environment.weights(),
    )


def _preset_label(preset: Preset, name: str) -> str:
    is_override = name.endswith(".toml") and preset.name in _reserved()
    return _label(override_label(preset) if is_override else preset.name)


def _without_endpoint(name: str) -> Translator:
    if name == AUTHORED:
        return ReplayTranslator(
            name=name, label=name, version=AUTHORED_VERSION, gap="no bundled translation of this text"
        )
    if name == POST_EDITED:
        return ReplayTranslator(
            name=name, label=name, version=POST_EDITED_VERSION, gap="nobody has corrected this text"
        )
    if name.startswith("import:"):
        return _import(name)
    if name == APERTIUM:
        from mmteb_synth.translate.backends import apertium

        return apertium.find()
    if _CALLABLE.fullmatch(name):
        from mmteb_synth.translate.backends import callables

        return callables.load(name, _label(name))
    raise UnknownNameError("translator", name, [info.name for info in available()], hint=_LIST_HINT)


def _import(name: str) -> ReplayTranslator:
    from mmteb_synth.translate.imported import IMPORT_VERSION

    if not _IMPORT.fullmatch(name):
        raise UsageError(f"{name!r} is no name of an import", hint="import:NAME, as import:deepl")
    return ReplayTranslator(
        name=name, label=_label(name), version=IMPORT_VERSION, gap="no translation was imported for this text"
    )


def _reserved() -> frozenset[str]:
    return frozenset({AUTHORED, POST_EDITED, APERTIUM, SOURCE, *shipped_presets()})


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)


def _endpoint_info(preset: Preset) -> TranslatorInfo:
    obstacle = Endpoint(preset=preset, base_url=preset.base_url, label=preset.name).obstacle()
    return TranslatorInfo(
        name=preset.name,
        description=preset.description,
        usable=obstacle is None,
        why_not=obstacle.message if obstacle else None,
        languages=preset.languages,
        shutdown_date=preset.shutdown_date.isoformat() if preset.shutdown_date else None,
    )


def _apertium_info() -> TranslatorInfo:
    from mmteb_synth.translate.backends import apertium

    why_not: str | None = None
    try:
        apertium.find()
    except SynthError as error:
        why_not = error.message
    return TranslatorInfo(
        name=APERTIUM,
        description="a rule-based translator, for demonstrations",
        usable=why_not is None,
        why_not=why_not,
        languages=tuple(apertium.PAIRS),
    )


def _vllm_info() -> TranslatorInfo:
    from mmteb_synth.translate.vllm import environment

    found = environment.locate() is not None
    models = ", ".join(name for name, preset in shipped_presets().items() if preset.serving)
    return TranslatorInfo(
        name=f"{VLLM}NAME",
        description=f"a preset's model on GPUs of this machine, without a server: {models}, or FILE.toml",
        usable=found,
        why_not=None if found else "vLLM is not installed (docs/vllm.md)",
    )
