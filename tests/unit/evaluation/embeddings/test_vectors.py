from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmteb_synth.evaluation.embeddings import vectors


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int8", "uint8", "bool"])
def test_arrays_come_back_as_they_were(name: str) -> None:
    given = (np.arange(6).reshape(3, 2) % 3).astype(name)
    rows, kind = vectors.rows(given)
    assert (kind, rows.dtype) == (name, vectors.dtype(kind))
    back = vectors.embeddings(rows, kind)
    assert isinstance(back, np.ndarray)
    assert back.dtype == given.dtype
    np.testing.assert_array_equal(back, given)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "int8"])
def test_tensors_come_back_as_they_were(name: str) -> None:
    given = torch.linspace(-3, 3, 6).reshape(3, 2).to(getattr(torch, name))
    rows, kind = vectors.rows(given.requires_grad_(name.endswith(("32", "64"))))
    assert kind == f"torch.{name}"
    assert rows.dtype == vectors.dtype(kind)
    back = vectors.embeddings(np.array(rows), kind)
    assert isinstance(back, torch.Tensor)
    assert back.dtype == given.dtype
    assert torch.equal(back, given.detach())


@pytest.mark.parametrize(
    "given",
    [
        [torch.zeros(2, 3)],
        [torch.zeros(2), torch.zeros(3)],
        [[1.0], [1.0, 2.0]],
        ["a", "b"],
        [],
        np.zeros(3),
        np.zeros((2, 0)),
        np.zeros((2, 3), dtype=object),
        np.zeros((2, 3), dtype=complex),
        np.full((2, 3), "a"),
        np.zeros((2, 3, 4)),
        torch.zeros(2, 3, 4),
        torch.eye(3).to_sparse(),
        None,
    ],
    ids=[
        *(
            "tokens",
            "tensors of two lengths",
            "lists of two lengths",
            "words",
            "empty list",
            "vector",
            "no columns",
        ),
        *("objects", "complex numbers", "matrix of words", "cube", "tensor of three", "sparse", "nothing"),
    ],
)
def test_what_is_no_matrix_is_left_alone(given: Any) -> None:
    assert vectors.rows(given) is None


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([[1, 2.5], [3, 4]], "float64"),
        ([np.float32([1, 2.5]), np.float32([3, 4])], "float32"),
        ([torch.tensor([1, 2.5]), torch.tensor([3.0, 4])], "torch.float32"),
    ],
    ids=["numbers", "arrays", "tensors"],
)
def test_a_list_of_vectors_is_a_matrix(given: Any, kind: str) -> None:
    rows, found = vectors.rows(given)
    assert found == kind
    np.testing.assert_array_equal(rows, [[1, 2.5], [3, 4]])


def test_bytes_in_another_order_are_turned_round() -> None:
    given = np.array([[1, 2.5]], dtype=">f4")
    rows, kind = vectors.rows(given)
    np.testing.assert_array_equal(np.frombuffer(rows.tobytes(), vectors.dtype(kind)), given[0])


@pytest.mark.parametrize("kind", ["float32", "torch.float16", "torch.bfloat16"])
def test_rows_that_are_no_numbers_are_found(kind: str) -> None:
    given = torch.tensor([[1.0, 2.0], [float("nan"), 1.0], [1.0, float("-inf")], [0.0, 0.0]])
    rows, _ = vectors.rows(given.to(getattr(torch, kind.removeprefix("torch."))))
    assert vectors.finite(rows, kind).tolist() == [True, False, False, True]


def test_whole_numbers_are_numbers() -> None:
    assert vectors.finite(np.zeros((2, 3), dtype=np.int8), "int8").tolist() == [True, True]
