"""CSV keeps every digit and runs nothing."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.ranking.export import to_csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(start: str) -> None:
    text = f"{start}1+1"
    (_, (cell,)) = csv.reader(io.StringIO(to_csv(["a"], [{"a": text}]), newline=""))
    assert cell == f"'{text}".replace("\r", "\n")


def test_numbers_are_not_touched() -> None:
    rows = [{"a": -0.70271112345678, "b": -3, "c": None, "d": 0.1 + 0.2}]
    assert to_csv(["a", "b", "c", "d"], rows) == "a,b,c,d\n-0.70271112345678,-3,,0.30000000000000004\n"


@given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.floats(allow_nan=False)}), max_size=5))
def test_what_is_written_is_read_back(rows: list[dict[str, str | float]]) -> None:
    (header, *read) = csv.reader(io.StringIO(to_csv(["a", "b"], rows), newline=""))
    assert header == ["a", "b"]
    assert [(_bare(text), float(number)) for text, number in read] == [
        (_bare(str(row["a"])), row["b"]) for row in rows
    ]


def _bare(text: str) -> str:
    """A text without the mark before a formula, its line ends as one."""
    return text.removeprefix("'").replace("\r\n", "\n").replace("\r", "\n")
