"""Nothing in a name breaks a table."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.markdown import Column, escape, parameter_count, table, two_digits


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("org/multilingual_e5-base", "org/multilingual_e5-base"),
        ("a|b", r"a\|b"),
        ("a\n| b |\r\nc", r"a \| b \|  c"),
        ("<script>&amp;", "&lt;script&gt;&amp;amp;"),
        ("`code` *bold* ~gone~ $x$", r"\`code\` \*bold\* \~gone\~ \$x\$"),
        ("_x_ [a](b)", r"\_x\_ \[a\](b)"),
        ("back\\slash\\|", r"back\\slash\\\|"),
        ("  padded\u2028", "padded"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_table_has_its_rows_and_cells_whatever_the_names(names: list[str]) -> None:
    columns = [
        Column(title="Model", cells=[escape(name) for name in names], text=True),
        Column(title="Score", cells=["1.00"] * len(names)),
    ]
    lines = table(columns).split("\n")
    assert len(lines) == 2 + len(names)
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
        assert not re.search(r"<|>|(?<!\\)(?:\\\\)*`", line)


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        (62.397, False, "62.40"),
        (None, False, ""),
        (0.0, False, "0.00"),
        (-0.001, False, "0.00"),
        (-0.001, True, "0.00"),
        (1.5, True, "+1.50"),
        (-19.635, True, "-19.64"),
    ],
)
def test_two_digits(value: float | None, *, signed: bool, shown: str) -> None:
    assert two_digits(value, signed=signed) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "0"),
        (950, "950"),
        (22_713_728, "22.7M"),
        (560_000_000, "560M"),
        (999_900_000, "1B"),
        (7_110_000_000, "7.11B"),
    ],
)
def test_parameter_count(value: int | None, shown: str) -> None:
    assert parameter_count(value) == shown
