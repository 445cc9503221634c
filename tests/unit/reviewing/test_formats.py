"""Texts go through XLSX and XLIFF unharmed, and what people fill in comes back, whatever program they used."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from openpyxl import Workbook, load_workbook
from translate.storage import factory

from mmteb_synth.errors import ReviewError
from mmteb_synth.reviewing import spreadsheet, xliff
from mmteb_synth.reviewing.form import COLUMNS, Context, Item, same_text, segment_id, visible

NAMESPACE = "{urn:oasis:names:tc:xliff:document:1.2}"
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
ODD = [
    "=1+1",
    "+49 30 1234",
    "-1",
    "@handle",
    "  leading",
    "trailing\n",
    "a\r\nb\rc\nd",
    "tab\there",
    "bell\x07 and \x0b and \x00",
    "_x000D_ literal and _x005F_ too",
    "'quoted",
    "<b>&amp;</b> ]]> <!-- -->",
    "שלום עולם",
    "مرحبا 123",
    "日本語 🎉👩‍👩‍👧",
    "\ufffe\uffff",
    "a\x85b \u2028c",
    "#NAME?",
    "TRUE",
    "1.0",
]


def an_item(source: str = "iron", hypothesis: str = "demir", **values: Any) -> Item:
    return Item(
        **{
            "set_name": "Mine.tur-Latn.authored",
            "kind": "sentence",
            "source": source,
            "hypothesis": hypothesis,
            "context": Context(english="steel", target="çelik", gold="4.5"),
            "question": "Does it hold?",
            **values,
        }
    )


def write_xlsx(file: Path, *items: Item, right_to_left: bool = False) -> None:
    spreadsheet.write(file, items, language="Turkish", right_to_left=right_to_left)


def write_xliff(file: Path, *items: Item) -> None:
    xliff.write(file, items, language="Turkish", code="tr")


def column(name: str) -> int:
    return list(COLUMNS).index(name) + 1


anywhere = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@anywhere
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
@example([(odd, odd) for odd in ODD])
def test_texts_survive_a_spreadsheet(tmp_path: Path, texts: list[tuple[str, str]]) -> None:
    file = tmp_path / "a.xlsx"
    write_xlsx(file, *(an_item(*pair) for pair in texts))
    book = load_workbook(file)
    assert {cell.data_type for row in book["Review"].iter_rows(min_row=2, max_col=10) for cell in row} <= {
        "s",
        "n",
    }
    rows = list(spreadsheet.read(file))
    assert len(rows) == len(texts)
    for row, (source, hypothesis) in zip(rows, texts, strict=True):
        assert row.cells["id"] == segment_id("sentence", source, hypothesis)
        assert same_text(row.cells.get("source", ""), source)
        assert same_text(row.cells.get("hypothesis", ""), hypothesis)


@anywhere
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
@example([(odd, odd) for odd in ODD])
def test_texts_survive_xliff(tmp_path: Path, texts: list[tuple[str, str]]) -> None:
    file = tmp_path / "a.xlf"
    write_xliff(file, *(an_item(*pair) for pair in texts))
    for row, (source, hypothesis) in zip(xliff.read(file), texts, strict=True):
        assert row.cells["id"] == segment_id("sentence", source, hypothesis)
        assert row.cells["source"] == visible(source)
        assert row.cells["target"] == visible(hypothesis)


@anywhere
@given(TEXTS.filter(lambda text: text.strip()))
@example("_x000D_ literal")
@example("=SUM(A1)")
def test_corrections_come_back_as_they_were_written(tmp_path: Path, correction: str) -> None:
    file = tmp_path / "a.xlsx"
    write_xlsx(file, an_item())
    book = load_workbook(file)
    cell = book["Review"].cell(2, column("correction"))
    # as Excel stores a text: no formula since the cell has the format of text, and escapes escaped
    cell.value = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", visible(correction))
    cell.data_type = "s"
    book.save(file)
    (row,) = spreadsheet.read(file)
    assert row.cells["correction"] == visible(correction)


def test_texts_that_look_alike_are_told_apart() -> None:
    assert same_text("a\r\nb", "a b")
    assert not same_text("a", "A")
    assert not same_text("a", "á")
    assert visible("a\x07\r\n\x00") == "a␇\n␀"


def test_a_sheet_guards_and_guides(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    write_xlsx(file, an_item(), an_item("ore", "cevher"))
    sheet = load_workbook(file)["Review"]
    assert [cell.value for cell in sheet[1]] == list(COLUMNS.values())
    assert sheet.freeze_panes == "E2"
    assert sheet.protection.sheet
    assert sheet.cell(2, column("source")).protection.locked
    assert not sheet.cell(2, column("esa")).protection.locked
    assert sheet.cell(2, column("source")).alignment.wrap_text
    assert sheet.cell(2, column("correction")).number_format == "@"
    rules = {rule.type: rule for rule in sheet.data_validations.dataValidation}
    assert {rule.formula1 for rule in sheet.data_validations.dataValidation if rule.type == "list"} == {
        '"none,minor,major,critical"',
        '"yes,no,unsure"',
    }
    assert (rules["decimal"].formula1, rules["decimal"].formula2) == ("0", "100")
    assert "2406.11580" not in str(rules)
    book = load_workbook(file)
    assert any("0 to 100" in str(cell.value) for row in book["Instructions"].iter_rows() for cell in row)


def test_texts_of_right_to_left_scripts_are_set_so(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", an_item(hypothesis="שלום"), right_to_left=True)
    sheet = load_workbook(tmp_path / "a.xlsx")["Review"]
    for name in ("hypothesis", "context_target", "correction"):
        assert sheet.cell(2, column(name)).alignment.readingOrder == 2
        assert sheet.cell(2, column(name)).alignment.horizontal == "right"
    assert sheet.cell(2, column("source")).alignment.readingOrder == 0


def test_a_text_that_no_cell_holds_is_not_cut_but_sent_to_xliff(tmp_path: Path) -> None:
    long = "ö" * 32_768
    write_xlsx(tmp_path / "a.xlsx", an_item(hypothesis=long), an_item(source="x" * 32_767))
    first, second = spreadsheet.read(tmp_path / "a.xlsx")
    assert "32,768 characters" in first.cells["hypothesis"]
    assert "XLIFF" in first.cells["hypothesis"]
    assert first.too_long == {"hypothesis"}
    assert second.cells["source"] == "x" * 32_767
    assert spreadsheet.is_too_long("😀" * 16_384)
    assert not spreadsheet.is_too_long("😀" * 16_383)
    write_xliff(tmp_path / "a.xlf", an_item(hypothesis=long))
    assert next(xliff.read(tmp_path / "a.xlf")).cells["target"] == long


def test_rows_and_columns_may_be_moved_and_added(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    names = ["mine", *reversed(COLUMNS)]
    sheet.append([COLUMNS.get(name, name).upper() for name in names])
    for item in (an_item("ore", "cevher"), an_item()):
        cells: dict[str, Any] = {
            **item.cells(),
            "esa": 80.0,
            "severity": "Minor ",
            "label": "YES",
            "mine": "x",
        }
        sheet.append([cells.get(name) for name in names])
        sheet.append([None])
    book.save(tmp_path / "a.xlsx")
    first, second = spreadsheet.read(tmp_path / "a.xlsx")
    assert first.cells["source"] == "ore"
    assert second.cells["esa"] == 80.0
    assert second.place == "a.xlsx, row 4"
    assert "mine" not in second.cells


@pytest.mark.parametrize(
    ("headings", "message"),
    [
        (["id", "set"], "has no column 'drawn', 'English'"),
        ([*COLUMNS.values(), "Severity"], "two columns are called 'Severity'"),
        ([], "has no column 'id'"),
    ],
)
def test_a_sheet_without_its_columns_is_named(tmp_path: Path, headings: list[str], message: str) -> None:
    book = Workbook()
    if headings:
        book.active.append(headings)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(ReviewError, match=message):
        list(spreadsheet.read(tmp_path / "a.xlsx"))


@pytest.mark.parametrize("data", [b"", b"source,target\n", b"PK\x03\x04 not really"])
def test_what_is_no_spreadsheet_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(ReviewError, match="can't be read as a spreadsheet"):
        list(spreadsheet.read(tmp_path / "a.xlsx"))


def test_an_empty_archive_is_no_spreadsheet(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w"):
        pass
    with pytest.raises(ReviewError, match="can't be read as a spreadsheet"):
        list(spreadsheet.read(tmp_path / "a.xlsx"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is not XML"),
        ("<xliff", "is not XML"),
        ("<xliff version='2.0' xmlns='urn:oasis:names:tc:xliff:document:2.0'/>", "is not XLIFF 1.2"),
    ],
)
def test_what_is_no_xliff_is_refused(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "a.xlf").write_text(data)
    with pytest.raises(ReviewError, match=message):
        list(xliff.read(tmp_path / "a.xlf"))


def test_xliff_reads_no_other_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    file = tmp_path / "a.xlf"
    write_xliff(file, an_item())
    text = file.read_text("utf-8").replace(
        "<xliff", f'<!DOCTYPE x [<!ENTITY e SYSTEM "{tmp_path}/secret">]>\n<xliff', 1
    )
    file.write_text(text.replace(">demir<", ">&e;<"), "utf-8")
    assert "secret" not in str([row.cells for row in xliff.read(file)])


def answered(file: Path, *notes: str, target: str | None = None) -> None:
    """Write notes into the first segment, as a translator's tool does."""
    tree = etree.parse(str(file))
    unit = next(tree.iter(f"{NAMESPACE}trans-unit"))
    for note in unit.findall(f"{NAMESPACE}note"):
        if note.get("from") == "review":
            unit.remove(note)
    for note in notes:
        etree.SubElement(unit, f"{NAMESPACE}note").text = note
    if target is not None:
        unit.find(f"{NAMESPACE}target").text = target
    tree.write(str(file), encoding="UTF-8", xml_declaration=True)


def test_notes_are_answers_whoever_writes_them(tmp_path: Path) -> None:
    file = tmp_path / "a.xlf"
    write_xliff(file, an_item())
    (blank,) = xliff.read(file)
    assert not blank.cells.keys() & {"esa", "severity", "label", "comment"}
    answered(
        file,
        "ESA score: 85\nSeverity : minor",
        "does the label hold?: yes\ncomment: one\ntwo: three",
        target="çelik",
    )
    (row,) = xliff.read(file)
    found = {
        name: row.cells[name] for name in ("esa", "severity", "label", "comment", "target", "drawn", "set")
    }
    assert found == {
        "esa": "85",
        "severity": "minor",
        "label": "yes",
        "comment": "one\ntwo: three",
        "target": "çelik",
        "drawn": "sample",
        "set": "Mine.tur-Latn.authored",
    }


def test_notes_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.xlf"
    write_xliff(file, an_item())
    answered(file, "severity: minor", "severity: major")
    with pytest.raises(
        ReviewError, match="two notes give different answers to 'severity': 'minor' and 'major'"
    ):
        list(xliff.read(file))


def test_an_emptied_target_is_known_to_be_empty(tmp_path: Path) -> None:
    file = tmp_path / "a.xlf"
    write_xliff(file, an_item())
    answered(file, target="")
    assert next(xliff.read(file)).cells["target"] == ""


def test_another_implementation_reads_the_xliff(tmp_path: Path) -> None:
    file = tmp_path / "a.xlf"
    other = an_item("ore", "cevher", set_name="Other.tur-Latn.authored")
    write_xliff(file, an_item("  <iron> & \n", "şey 🎉"), other)
    store = factory.getobject(str(file))
    units = [unit for unit in store.units if not unit.isheader()]
    assert [(str(unit.source), str(unit.target)) for unit in units] == [
        ("  <iron> & \n", "şey 🎉"),
        ("ore", "cevher"),
    ]
    assert store.getfilenames() == ["Mine.tur-Latn.authored", "Other.tur-Latn.authored"]
    assert (store.getsourcelanguage(), store.gettargetlanguage()) == ("en", "tr")
    assert all(unit.isreview() for unit in units)
    units[1].target = "maden"
    units[1].addnote("ESA score: 70\nseverity: minor\ndoes the label hold?: yes", origin="translator")
    store.save()
    row = list(xliff.read(file))[1]
    assert [row.cells[name] for name in ("target", "esa", "severity", "label")] == [
        "maden",
        "70",
        "minor",
        "yes",
    ]


def saved_by_excel(file: Path) -> None:
    """Move texts into a table of their own, as Excel does when it saves."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    table = etree.Element(f"{main}sst", nsmap={None: main[1:-1]})
    for name in [name for name in parts if name.startswith("xl/worksheets/sheet")]:
        sheet = etree.fromstring(parts[name])
        for cell in sheet.iter(f"{main}c"):
            inline = cell.find(f"{main}is")
            if inline is not None:
                cell.remove(inline)
                inline.tag = f"{main}si"
                cell.set("t", "s")
                etree.SubElement(cell, f"{main}v").text = str(len(table))
                table.append(inline)
        parts[name] = etree.tostring(sheet)
    parts["xl/sharedStrings.xml"] = etree.tostring(table)
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}"/></Types>'
    types = parts["[Content_Types].xml"]
    parts["[Content_Types].xml"] = types.replace(b"</Types>", part.encode())
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


@pytest.mark.parametrize("text", ODD)
def test_texts_survive_being_saved_by_excel(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.xlsx"
    write_xlsx(file, an_item(text, f"{text} ç"))
    saved_by_excel(file)
    (row,) = spreadsheet.read(file)
    assert spreadsheet.holds(row.cells["source"], text)
    assert spreadsheet.holds(row.cells["hypothesis"], f"{text} ç")
    assert not spreadsheet.holds(row.cells["hypothesis"], text)
