"""Who a model is: the name and revision under which its scores are kept.

MTEB files scores by name and revision alone, and calls every local model `no_model_name/available`, so that two
of them share their scores. Here a local model's revision is a digest of its content, and whatever a run changes
(type of numbers, length, prompts) is written into the revision.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth.errors import UsageError
from mmteb_synth.hashing import canonical_json, files_digest, json_digest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LENGTH = 16
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_PLACEHOLDERS = {None, "", "no_model_name/available", "no_revision_available"}


def is_real(value: str | None) -> bool:
    """Whether a name or revision says something; MTEB fills in placeholders where it knows none."""
    return value not in _PLACEHOLDERS


def is_name(value: str | None) -> bool:
    """Whether this is a name as `organisation/model` that can be a folder's name too."""
    return value is not None and is_real(value) and _NAME.fullmatch(value) is not None


def check_name(name: str) -> str:
    """The name itself, where it is `organisation/model`.

    Raises:
        UsageError: It is not.
    """
    if not is_name(name):
        raise UsageError(
            f"{name!r} can't be a model's name",
            hint="write --model-name ORGANISATION/MODEL with letters, digits, '.', '_' and '-'",
        )
    return name


def local_name(label: str) -> str:
    """The name of a model that has none: `local/<label>`, without the characters that a folder can't have."""
    return f"local/{re.sub(r'[^A-Za-z0-9_.-]+', '-', label).strip('.-') or 'model'}"


def folder_revision(folder: Path) -> str:
    """The digest of a model's folder: names and contents of all its files.

    Hidden files and `__pycache__` are left out: version control, download records and compiled code come and go
    without the model changing.

    Args:
        folder: The folder that SentenceTransformer reads.

    Returns:
        16 hexadecimal digits, the same wherever the folder lies and whatever it is called.
    """
    return files_digest((name, folder / name) for name in _files(folder))[:_LENGTH]


def _files(folder: Path) -> list[str]:
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [
        path.as_posix()
        for path in relative
        if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    ]


def object_revision(model: SentenceTransformer) -> str:
    """The digest of a loaded SentenceTransformer: weights, modules and their settings, tokenizer and prompts.

    It differs from the digest of the folder that the model came from, which holds other things.

    Returns:
        16 hexadecimal digits.
    """
    import torch

    digest = hashlib.blake2b(digest_size=32)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}:".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    tokenizer = getattr(getattr(model, "tokenizer", None), "backend_tokenizer", None)
    settings: dict[str, Any] = {
        "modules": [[type(module).__name__, getattr(module, "get_config_dict", dict)()] for module in model],
        "max_seq_length": model.max_seq_length,
        "prompts": model.prompts,
        "default_prompt_name": model.default_prompt_name,
        "similarity": model.similarity_fn_name,
        "truncate_dim": model.truncate_dim,
        "tokenizer": tokenizer.to_str() if tokenizer is not None else None,
    }
    digest.update(canonical_json(_plain(settings)).encode())
    return digest.hexdigest()[:_LENGTH]


def object_label(model: SentenceTransformer) -> str:
    """What to call a loaded SentenceTransformer: the last part of where it came from, or `model`."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    origin = model.model_card_data.base_model or getattr(config, "_name_or_path", None)
    return Path(origin).name if isinstance(origin, str) and origin else "model"


def with_settings(revision: str, settings: Mapping[str, Any]) -> str:
    """A revision that also names the settings that change the scores.

    Args:
        revision: The model's own revision.
        settings: What this run changed; numbers and words are written out, anything else as a digest.

    Returns:
        As `8b3219a9+dtype=float16,prompts=1f0c22ab`; the revision itself where nothing was changed.
    """
    if not settings:
        return revision
    parts = (
        f"{name}={value if isinstance(value, str | int) else json_digest(_plain(value), 8)}"
        for name, value in sorted(settings.items())
    )
    return f"{revision}+{','.join(parts)}"


def _plain(value: Any) -> Any:
    """The value with everything that JSON doesn't know, infinity among it, as its string."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | None) else str(value)
