"""Cells of text and numbers -> Markdown tables that nothing in a name can break."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)")  # an underscore inside a word marks nothing up


def escape(text: str) -> str:
    """Text that shows in a Markdown cell as what it is: on one line, without markup, HTML or cell borders."""
    on_one_line = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return _MARKS.sub(r"\\\g<0>", on_one_line.translate(_ENTITIES).strip())


def fill_in(template: Path, values: Mapping[str, Any]) -> str:
    """Fill in a template of Markdown; no two blank lines follow each other, and the last line ends.

    Args:
        template: A Jinja file. Its filter `md` escapes; what is not escaped there is Markdown itself.
        values: What its names stand for; a name that is missing is an error.
    """
    made: str = _read(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", made).rstrip() + "\n"


@functools.cache
def _read(template: Path) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=False,  # noqa: S701  it is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = escape
    return environment.get_template(template.name)


def two_digits(value: float | None, *, signed: bool = False) -> str:
    """A score with two digits, never as a negative zero; nothing where it is missing."""
    if value is None:
        return ""
    rounded = round(value, 2) + 0.0
    return f"{rounded:+.2f}" if signed and rounded else f"{rounded:.2f}"


def parameter_count(value: int | None) -> str:
    """A number of parameters in millions or billions, as model cards write it: 22.7M."""
    if value is None:
        return ""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if value >= 0.9995 * size:  # so that 999,900,000 is 1B, not 1e+03M
            return f"{value / size:.3g}{unit}"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a Markdown table.

    Attributes:
        title: Its heading, escaped.
        cells: One for each row, escaped.
        text: Whether it is aligned left; numbers are aligned right.
    """

    title: str
    cells: Sequence[str]
    text: bool = False


def table(columns: Sequence[Column]) -> str:
    """A Markdown table that also reads well as plain text."""
    widths = [max(3, *(len(cell) for cell in (column.title, *column.cells))) for column in columns]
    rules = [
        ":" + "-" * (width - 1) if column.text else "-" * (width - 1) + ":"
        for column, width in zip(columns, widths, strict=True)
    ]
    rows = [
        [column.title for column in columns],
        rules,
        *zip(*(column.cells for column in columns), strict=True),
    ]
    return "\n".join(_line(row, columns, widths) for row in rows)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column.text else cell.rjust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return f"| {' | '.join(padded)} |"
