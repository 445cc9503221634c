"""Review files as XLIFF 1.2, the format of translators' tools, by lxml (BSD).

(The libraries that know XLIFF itself are GPL or abandoned; the tests read these files by one of them.)

A correction is a changed target. The other answers stand in a note of their own, which tools show and keep:

    ESA score: 85
    severity: minor
    does the label hold?: yes
    comment: …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmteb_synth.errors import ReviewError
from mmteb_synth.reviewing.form import (
    COLUMNS,
    LABEL_ANSWERS,
    SEVERITIES,
    Answered,
    Item,
    instructions,
    visible,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_XLIFF = "urn:oasis:names:tc:xliff:document:1.2"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_OURS = "mmteb-synth"
_REVIEW = "review"
_DRAWN = "x-mmteb-drawn"
_UNTOUCHED = "needs-review-translation"
_ASKED = {
    "esa": "[0-100]",
    "severity": f"[{'/'.join(SEVERITIES)}]",
    "label": f"[{'/'.join(LABEL_ANSWERS)}]",
    "comment": "",
}
"""What the note asks for; what may be said stands in brackets, and counts as nothing said."""
_LINE = re.compile(
    rf"[ \t]*({'|'.join(re.escape(COLUMNS[name]) for name in _ASKED)})[ \t]*:[ \t]*(.*)", re.IGNORECASE
)


def write(file: Path, items: Sequence[Item], *, language: str, code: str) -> None:
    """Write a file for one person; each data set is a `file` element in it.

    Args:
        file: Where to; it is overwritten.
        items: The segments.
        language: The target language's English name.
        code: The same as BCP 47 writes it, as `tr`.

    Raises:
        OSError: It can't be written.
    """
    from lxml import etree

    root = etree.Element(f"{{{_XLIFF}}}xliff", nsmap={None: _XLIFF}, version="1.2")
    for name in dict.fromkeys(item.set_name for item in items):
        part = _add(
            root,
            "file",
            original=name,
            datatype="plaintext",
            **{"source-language": "en", "target-language": code},
        )
        head = _add(part, "header")
        for heading, text in instructions(language):
            _add(head, "note", f"{heading}: {text}", **{"from": _OURS})
        body = _add(part, "body")
        for item in items:
            if item.set_name == name:
                _unit(body, item)
    etree.ElementTree(root).write(str(file), encoding="UTF-8", xml_declaration=True, pretty_print=False)


def read(file: Path) -> Iterator[Answered]:
    """The segments of a file that came back.

    Raises:
        ReviewError: It is no XLIFF 1.2, or a segment's notes contradict each other.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.parse(str(file), parser).getroot()
    except etree.XMLSyntaxError as error:
        raise ReviewError(f"{file.name} is not XML: {error}", hint="save it as XLIFF 1.2") from error
    if root.tag != f"{{{_XLIFF}}}xliff":
        raise ReviewError(f"{file.name} is not XLIFF 1.2: it begins with {root.tag}", hint="save it so")
    for part in root.iter(f"{{{_XLIFF}}}file"):
        for unit in part.iter(f"{{{_XLIFF}}}trans-unit"):
            place = f"{file.name}, line {unit.sourceline}, segment {unit.get('id')}"
            target = unit.find(f"{{{_XLIFF}}}target")
            cells = {
                "id": unit.get("id"),
                "set": part.get("original"),
                "drawn": _drawn(unit),
                "source": _text(unit.find(f"{{{_XLIFF}}}source")),
                "target": "" if target is None else _text(target),
                **_answers(unit, place),
            }
            # an empty target is one that somebody emptied, and there all the same
            kept = {name: value for name, value in cells.items() if value or name == "target"}
            yield Answered(place=place, cells=kept)


def _unit(body: _Element, item: Item) -> None:
    unit = _add(body, "trans-unit", id=item.id, resname=item.kind)
    unit.set(_SPACE, "preserve")
    _add(unit, "source", item.source)
    _add(unit, "target", item.hypothesis, state=_UNTOUCHED)
    group = _add(unit, "context-group", name="drawn", purpose="information")
    _add(group, "context", item.drawn, **{"context-type": _DRAWN})
    about = {
        COLUMNS["context_english"]: item.context.english,
        COLUMNS["context_target"]: item.context.target,
        COLUMNS["gold"]: item.context.gold,
        COLUMNS["question"]: item.question,
    }
    for heading, text in about.items():
        if text:
            _add(unit, "note", f"{heading}: {text}", annotates="general", **{"from": _OURS})
    _add(unit, "note", _questions(), annotates="target", **{"from": _REVIEW})


def _questions() -> str:
    """The note to fill in."""
    return "\n".join(f"{COLUMNS[name]}: {hint}".rstrip() for name, hint in _ASKED.items())


def _answers(unit: _Element, place: str) -> dict[str, str]:
    """What the notes of a segment say, whoever wrote them."""
    found: dict[str, str] = {}
    for note in unit.iter(f"{{{_XLIFF}}}note"):
        if note.get("from") == _OURS:
            continue
        for name, value in _lines(visible(_text(note))):
            if found.setdefault(name, value) != value:
                raise ReviewError(
                    f"{place}: two notes give different answers to {COLUMNS[name]!r}: {found[name]!r} and {value!r}",
                    hint="remove one of them; nothing was imported",
                )
    return found


def _lines(note: str) -> Iterator[tuple[str, str]]:
    """The answers in a note; a comment may go over lines."""
    names = {COLUMNS[name].casefold(): name for name in _ASKED}
    lines = note.split("\n")
    for place, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = names[match[1].casefold()], match[2].strip()
        if name == "comment":
            value = "\n".join([value, *lines[place + 1 :]]).strip()
        if value not in ("", _ASKED[name]):
            yield name, value
        if name == "comment":
            return


def _drawn(unit: _Element) -> str | None:
    for context in unit.iter(f"{{{_XLIFF}}}context"):
        if context.get("context-type") == _DRAWN:
            return _text(context).strip()
    return None


def _text(element: _Element | None) -> str:
    """The text of an element; tools may put marks of their own into it."""
    return "" if element is None else "".join(element.itertext())


def _add(parent: _Element, tag: str, text: str | None = None, **attributes: Any) -> _Element:
    from lxml import etree

    element = etree.SubElement(parent, f"{{{_XLIFF}}}{tag}", **attributes)
    if text is not None:
        element.text = visible(text)
    return element
