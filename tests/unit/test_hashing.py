"""One spelling for one value, and digests that follow contents and names."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.hashing import canonical_json, files_digest, json_digest

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": [1, None], "a": "çay"}) == '{"a":"çay","b":[1,null]}'


@given(st.dictionaries(st.text(max_size=3), values, max_size=5))
def test_the_order_of_keys_does_not_count(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(backwards) == canonical_json(value)


@given(values, values)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert (json_digest(one) == json_digest(other)) == (canonical_json(one) == canonical_json(other))


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
    with pytest.raises(TypeError):
        canonical_json({1, 2})


def test_digests_are_pinned() -> None:
    """They name cache keys and data sets: another digest would orphan all of them."""
    assert json_digest({"a": 1}) == json_digest({"a": 1}, 64)[:16]
    assert json_digest({"a": 1}) == "10a7ff3e312baec0"


def test_a_digest_of_files_follows_names_and_contents(tmp_path: Path) -> None:
    for name, content in (("one", b"ab"), ("two", b"c"), ("copy", b"ab")):
        (tmp_path / name).write_bytes(content)
    one, two, copy = (tmp_path / name for name in ("one", "two", "copy"))
    first = files_digest([("x", one), ("y", two)])
    assert files_digest([("y", two), ("x", copy)]) == first  # neither order nor path count
    others = [
        files_digest([("x", two), ("y", one)]),
        files_digest([("x", one), ("z", two)]),
        files_digest([("x", one)]),
        files_digest([]),
    ]
    assert len({first, *others}) == 5
    assert len(first) == 64


def test_a_boundary_between_files_cannot_be_moved(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"23"), ("c", b"12"), ("d", b"3")):
        (tmp_path / name).write_bytes(content)
    a, b, c, d = (tmp_path / name for name in "abcd")
    assert files_digest([("x", a), ("y", b)]) != files_digest([("x", c), ("y", d)])


def test_a_large_file_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0123456789" * 200_000)
    (tmp_path / "other").write_bytes(b"0123456789" * 199_999 + b"0123456780")
    assert files_digest([("x", tmp_path / "large")]) != files_digest([("x", tmp_path / "other")])
