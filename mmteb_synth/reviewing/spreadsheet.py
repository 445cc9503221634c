"""Review files as XLSX, by openpyxl (MIT), which reads what Excel and LibreOffice write.

A text is never a formula here: cells hold strings, whatever they begin with, and those to fill in have the number
format of text.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth.errors import ReviewError
from mmteb_synth.reviewing.form import (
    ANSWERS,
    COLUMNS,
    LABEL_ANSWERS,
    SEVERITIES,
    Answered,
    Item,
    instructions,
    same_text,
    visible,
)

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SHEET = "Review"
LONGEST = 32_767
"""UTF-16 units that Excel takes in a cell; openpyxl would cut the rest off without a word."""
_TOO_LONG = "[{count:,} characters, and a cell holds 32,767: this row can only be judged in the XLIFF file]"
_TOO_LONG_MARK = re.compile(r"\[[\d,]+ characters, and a cell holds 32,767: .*\]")
_WIDTHS = {
    "id": 12,
    "set": 16,
    "kind": 10,
    "drawn": 9,
    "source": 50,
    "hypothesis": 50,
    "context_english": 40,
    "context_target": 40,
    "gold": 16,
    "question": 26,
    "esa": 9,
    "severity": 11,
    "label": 13,
    "correction": 50,
    "comment": 30,
}
_IN_TARGET = ("hypothesis", "context_target", "correction")
_TEXT_FORMAT = "@"
_RIGHT_TO_LEFT = 2
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x(005[Ff]|000[Dd])_")


def is_too_long(text: str) -> bool:
    """Whether a text is longer than a cell can hold."""
    return len(_encoded(text).encode("utf-16-le")) // 2 > LONGEST


def holds(value: object, text: str) -> bool:
    """Whether a cell holds a text.

    openpyxl drops a part of the escapes of some texts, `_x000D_` among them, when another program has saved the file.

    Args:
        value: What was read.
        text: What was written.
    """
    return any(same_text(str(value), one) for one in (text, _decoded(text)))


def write(file: Path, items: Sequence[Item], *, language: str, right_to_left: bool) -> None:
    """Write a file for one person.

    Args:
        file: Where to; it is overwritten.
        items: The rows.
        language: The target language's English name.
        right_to_left: Whether its script runs so.

    Raises:
        OSError: It can't be written.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    _fill(sheet, items, right_to_left=right_to_left)
    _ask(sheet, len(items))
    _explain(book, language)
    book.save(file)


def read(file: Path) -> Iterator[Answered]:
    """The rows of a file that came back; rows and columns may have been moved.

    Raises:
        ReviewError: It is no such spreadsheet, or a column is missing or there twice.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(file)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise ReviewError(
            f"{file} can't be read as a spreadsheet: {error}", hint="save it as XLSX, without a password"
        ) from error
    try:
        yield from _rows(file, book[SHEET] if SHEET in book.sheetnames else book.worksheets[0])
    finally:
        book.close()


def _fill(sheet: Worksheet, items: Sequence[Item], *, right_to_left: bool) -> None:
    """The headings and rows; what may be changed is not locked."""
    from openpyxl.styles import Alignment, Font, PatternFill, Protection
    from openpyxl.utils import get_column_letter

    for number, (name, heading) in enumerate(COLUMNS.items(), start=1):
        head = sheet.cell(1, number, heading)
        head.font = Font(bold=True)
        head.alignment = Alignment(wrap_text=True, vertical="top")
        if name in ANSWERS:
            head.fill = PatternFill("solid", fgColor="FFF2CC")
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS[name]
        is_right = right_to_left and name in _IN_TARGET
        alignment = Alignment(
            wrap_text=name != "id",
            vertical="top",
            horizontal="right" if is_right else None,
            readingOrder=_RIGHT_TO_LEFT if is_right else 0,
        )
        for row, item in enumerate(items, start=2):
            cell = sheet.cell(row, number)
            cell.alignment = alignment
            if name in ANSWERS:
                cell.protection = Protection(locked=False)
            if name in ("correction", "comment"):
                cell.number_format = _TEXT_FORMAT
            elif name not in ANSWERS:
                cell.value = _cell(item.cells()[name])
                cell.data_type = "s"  # also where it begins like a formula
                cell.quotePrefix = True  # and it stays one when somebody edits it
    sheet.freeze_panes = "E2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.protection.sheet = True  # without a password: it guards against slips
    for allowed in ("formatColumns", "formatRows", "autoFilter"):
        setattr(sheet.protection, allowed, False)


def _ask(sheet: Worksheet, count: int) -> None:
    """What may be filled in where."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    def chosen_from(values: Sequence[str]) -> DataValidation:
        return DataValidation(type="list", formula1=f'"{",".join(values)}"', allow_blank=True)

    score = DataValidation(type="decimal", operator="between", formula1="0", formula2="100", allow_blank=True)
    rules = {"esa": score, "severity": chosen_from(SEVERITIES), "label": chosen_from(LABEL_ANSWERS)}
    for name, rule in rules.items():
        rule.showErrorMessage = True
        rule.errorTitle = COLUMNS[name]
        rule.error = "a number from 0 to 100" if name == "esa" else f"one of {rule.formula1.strip(chr(34))}"
        letter = get_column_letter(list(COLUMNS).index(name) + 1)
        rule.add(f"{letter}2:{letter}{max(count, 1) + 1}")
        sheet.add_data_validation(rule)


def _explain(book: Workbook, language: str) -> None:
    from openpyxl.styles import Alignment, Font

    sheet = book.create_sheet("Instructions")
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 100
    for row, (heading, text) in enumerate(instructions(language), start=1):
        sheet.cell(row, 1, heading).font = Font(bold=True)
        sheet.cell(row, 2, text).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.cell(row, 1).alignment = Alignment(wrap_text=True, vertical="top")


def _rows(file: Path, sheet: Worksheet) -> Iterator[Answered]:
    rows = sheet.iter_rows()
    places = _places(file, [cell.value for cell in next(rows, ())])
    for cells in rows:
        values = {name: _value(cells[place]) for name, place in places.items()}
        found = {name: value for name, value in values.items() if value is not None}
        if found:
            too_long = [name for name, value in found.items() if _TOO_LONG_MARK.fullmatch(str(value))]
            yield Answered(
                place=f"{file.name}, row {cells[0].row}", cells=found, too_long=frozenset(too_long)
            )


def _places(file: Path, headings: Sequence[Any]) -> dict[str, int]:
    """Which column is which."""
    places: dict[str, int] = {}
    names = {heading.casefold(): name for name, heading in COLUMNS.items()}
    for place, heading in enumerate(headings):
        name = names.get(" ".join(str(heading).split()).casefold())
        if name in places:
            raise ReviewError(f"{file.name}: two columns are called {heading!r}", hint="remove one of them")
        if name is not None:
            places[name] = place
    needed = ("id", "set", "drawn", "source", "hypothesis", *ANSWERS)
    missing = [COLUMNS[name] for name in needed if name not in places]
    if missing:
        raise ReviewError(
            f"{file.name} has no column {', '.join(map(repr, missing))}",
            hint="hand in a file that `mmteb-synth review export` made; its headings stand in the first row",
        )
    return places


def _value(cell: Any) -> Any:
    """What a cell holds; text as it was before a program escaped it for XML."""
    value = cell.value
    if cell.data_type in ("f", "e"):
        return _Formula(str(value))
    if isinstance(value, str):
        text = _decoded(value)
        return text if text.strip() else None
    return value


def _decoded(text: str) -> str:
    return _ESCAPED.sub(lambda found: "_" if found[1].upper() == "005F" else "\r", text)


class _Formula(str):
    """A formula or its failure, in a cell that should hold text or a number."""

    __slots__ = ()


def is_formula(value: object) -> bool:
    """Whether a cell held a formula."""
    return isinstance(value, _Formula)


def _cell(text: str) -> str:
    return _TOO_LONG.format(count=len(text)) if is_too_long(text) else _encoded(text)


def _encoded(text: str) -> str:
    """A text as cells hold it: Excel takes `_x0041_` for an escaped A."""
    return _ESCAPE.sub("_x005F_", visible(text))
