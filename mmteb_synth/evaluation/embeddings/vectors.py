"""What encoders return, as rows that can be stored and given back as they were."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[Any]
"""Vectors, one a row, of a type that numpy knows."""

_TENSOR = "torch."
_REAL = "fiub"
"""What numpy calls the kinds of real numbers, `bool` among them."""
_BITS = {"bfloat16": "uint16"}
"""Types that numpy lacks, and those that hold their bits."""


def rows(embeddings: Any) -> tuple[Rows, str] | None:
    """Take what an encoder returned apart.

    Args:
        embeddings: Of shape (texts, dimensions); a list of vectors of one length is taken for such a matrix.

    Returns:
        The rows, and the kind that `embeddings` gives them back as: `float32` for a numpy array, `torch.bfloat16`
        for a tensor. None for anything that is no matrix of real numbers: sparse tensors, lists of vectors for each
        token, objects.
    """
    import torch

    if isinstance(embeddings, list):
        embeddings = _stacked(embeddings)
    if isinstance(embeddings, np.ndarray):
        kind, found = embeddings.dtype.name, embeddings
    elif isinstance(embeddings, torch.Tensor) and embeddings.layout == torch.strided:
        tensor = embeddings.detach().cpu()
        name = str(tensor.dtype).removeprefix("torch.")
        if name in _BITS:
            tensor = tensor.view(getattr(torch, _BITS[name]))
        kind, found = f"{_TENSOR}{name}", tensor.numpy()
    else:
        return None
    if found.ndim != 2 or not found.shape[1] or found.dtype.kind not in _REAL:
        return None
    return found.astype(found.dtype.newbyteorder("="), copy=False), kind


def _stacked(listed: list[Any]) -> Any:
    """A list of vectors of one length as a matrix; None where it is none."""
    import torch

    try:
        if all(isinstance(vector, torch.Tensor) for vector in listed):
            return torch.stack(listed)
        return np.asarray(listed)
    except (ValueError, TypeError, RuntimeError):
        return None


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
