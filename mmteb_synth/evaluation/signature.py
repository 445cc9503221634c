"""The signature of a score: all that must be equal for two scores to be comparable, as sacrebleu writes it."""

from __future__ import annotations

from collections.abc import Mapping

from mmteb_synth._version import __version__
from mmteb_synth.data.source import mteb_version
from mmteb_synth.hashing import json_digest

_READABLE = 80


def prompts_label(prompts: Mapping[str, str], *, known: bool) -> str:
    """The prompts in short: `none`, `unknown`, `query=query: ,document=passage: `, or a digest of long ones."""
    if not prompts:
        return "none" if known else "unknown"
    text = ",".join(f"{key}={value}" for key, value in sorted(prompts.items()))
    plain = text.isprintable() and "|" not in text and len(text) <= _READABLE
    return text if plain else f"#{json_digest(dict(prompts), 8)}"


def signature(fields: Mapping[str, object], prompts: str) -> str:
    """Put a score's signature together.

    Args:
        fields: The task's part, in order, as {"task": "STS12", "lang": "eng-Latn>tur-Latn"}.
        prompts: What `prompts_label` says.

    Returns:
        `task:STS12|lang:eng-Latn>tur-Latn|…|prompts:none|mteb:2.26.24|v:0.1.0`.
    """
    whole = {**fields, "prompts": prompts, "mteb": mteb_version(), "v": __version__}
    return "|".join(f"{name}:{value}" for name, value in whole.items())
