"""What the files in a model's folder say of it, before it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmteb_synth.errors import UsageError

_MODULES, _CONFIG, _OF_SENTENCE_TRANSFORMERS = (
    "modules.json",
    "config.json",
    "config_sentence_transformers.json",
)
_CLASSIFIER = "ForSequenceClassification"
"""How transformers calls the classes of cross encoders, and of classifiers."""

CROSS_ENCODERS = (
    "a cross encoder gives pairs a score and texts no embedding; MTEB reranks with one that is wrapped: "
    "mteb.models.CrossEncoderWrapper(CrossEncoder(…)), from a callable or in Python"
)


def require_model(folder: Path, hint: str) -> None:
    """Make sure that a folder holds a model.

    Raises:
        UsageError: It does not; the hint is the one given.
    """
    if not any((folder / name).is_file() for name in (_MODULES, _CONFIG)):
        raise UsageError(f"{folder} is no model: it has no {_MODULES} and no {_CONFIG}", hint=hint)


def require_embeddings(folder: Path) -> list[str]:
    """Make sure that SentenceTransformer will find in a folder what it takes the model there for.

    Returns:
        What the user should be told.

    Raises:
        UsageError: It is a cross encoder, whose inner layers would be taken for a model of embeddings without a word.
    """
    if _json(folder / _OF_SENTENCE_TRANSFORMERS).get("model_type") == "CrossEncoder":
        raise UsageError(f"{folder} is a cross encoder", hint=CROSS_ENCODERS)
    if (folder / _MODULES).is_file():
        return []
    architectures = _json(folder / _CONFIG).get("architectures") or []
    if any(str(name).endswith(_CLASSIFIER) for name in architectures):
        raise UsageError(
            f"{folder} is a cross encoder or classifier ({architectures[0]})", hint=CROSS_ENCODERS
        )
    told = "so nobody says how its tokens become one vector; SentenceTransformer takes their mean"
    return [f"{folder} has no {_MODULES}, {told}"]


def _json(file: Path) -> dict[str, Any]:
    """The object in a file; nothing where there is none, which is for loading the model to find out."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
