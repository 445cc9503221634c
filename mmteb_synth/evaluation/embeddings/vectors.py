"""What encoders return, as rows that can be stored and given back as they were."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[Any]
"""Vectors, one a row, of a type that numpy knows."""

_TENSOR = "torch."
_BITS = {"bfloat16": "uint16"}
"""Types that numpy lacks, and those that hold their bits."""


def rows(embeddings: Any) -> tuple[Rows, str] | None:
    """Take what an encoder returned apart.

    Args:
        embeddings: Of shape (texts, dimensions).

    Returns:
        The rows, and the kind that `embeddings` gives them back as: `float32` for a numpy array, `torch.bfloat16`
        for a tensor. None for anything that is no matrix: sparse tensors, lists of vectors for each token.
    """
    if isinstance(embeddings, np.ndarray):
        return (embeddings, embeddings.dtype.name) if embeddings.ndim == 2 else None
    import torch

    if not isinstance(embeddings, torch.Tensor) or embeddings.ndim != 2 or embeddings.layout != torch.strided:
        return None
    tensor = embeddings.detach().cpu()
    name = str(tensor.dtype).removeprefix("torch.")
    if name in _BITS:
        tensor = tensor.view(getattr(torch, _BITS[name]))
    return tensor.numpy(), f"{_TENSOR}{name}"


def dtype(kind: str) -> np.dtype[Any]:
    """The numpy type that holds vectors of a kind."""
    name = kind.removeprefix(_TENSOR)
    return np.dtype(_BITS.get(name, name))


def embeddings(found: Rows, kind: str) -> Any:
    """Rows as the encoder would have returned them; tensors lie in main memory."""
    if not kind.startswith(_TENSOR):
        return found
    import torch

    return torch.from_numpy(found).view(getattr(torch, kind.removeprefix(_TENSOR)))


def finite(found: Rows, kind: str) -> NDArray[np.bool_]:
    """Which rows hold nothing but numbers, of shape (texts,)."""
    if kind.removeprefix(_TENSOR) in _BITS:
        return np.asarray(embeddings(found, kind).isfinite().all(dim=1).numpy())
    if not np.issubdtype(found.dtype, np.floating):
        return np.ones(len(found), dtype=bool)
    return np.asarray(np.isfinite(found).all(axis=1))
