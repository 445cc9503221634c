"""Long English texts in parts that a translator can take, without losing a character.

Sentences come from sentencex (Wikimedia; its rules are in the package). Tried beside pysbd, syntok and blingfire on
abbreviations, decimals, URLs and 150 scientific abstracts, it was the only one that loses no character, splits no URL
and no "Smith et al. (2019)", and it is 18 times as fast as syntok and 109 times as pysbd.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import regex
import sentencex

_LOOK_AHEAD = 200
"""Characters beyond the limit that the segmenter also sees, so that it knows whether a sentence ends at the limit."""

_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_CLAUSE_END = ",;:)]–—"
_GRAPHEME = regex.compile(r"\X")
_WHOLE = re.compile(
    r"```.*?```"  # fenced code
    r"|`[^`\n]+`"  # code within a line
    r"|(?:https?://|ftp://|www\.)\S+",  # an address
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a text.

    Attributes:
        text: What is to be translated; empty only in a first part that holds leading white space.
        after: The white space that follows it.
    """

    text: str
    after: str


def split(text: str, max_characters: int) -> list[Part]:
    """Cut a text into parts, each as large as fits.

    A part ends at the last paragraph that fits into it; where not even one does, at the last sentence, line, clause
    or word. A URL, a code span and a grapheme are kept whole as long as they fit into a part of their own; of longer
    ones only a grapheme is, so that a part has more than `max_characters` only where a single grapheme has.

    Args:
        text: Any text; the sentences are sought as English ones.
        max_characters: The most code points of a part's text.

    Returns:
        The parts. `"".join(part.text + part.after for part in parts)` is the text again.

    Raises:
        ValueError: `max_characters` is below one.
    """
    if max_characters < 1:
        raise ValueError(f"max_characters must be at least 1 and is {max_characters}")
    cutter = _Cutter(text, max_characters)
    parts = []
    start = cutter.skip_space(0)
    if start:
        parts.append(Part(text="", after=text[:start]))
    while start < len(text):
        end = cutter.end_of_part(start)
        following = cutter.skip_space(end)
        parts.append(Part(text=text[start:end], after=text[end:following]))
        start = following
    return parts


class _Cutter:
    """Finds where the parts of one text end."""

    def __init__(self, text: str, most: int) -> None:
        self._text = text
        self._most = most
        self._stripped = len(text.rstrip())
        self._whole = [match.span() for match in _WHOLE.finditer(text) if match.end() - match.start() <= most]
        self._between_graphemes: bytearray | None = None
        if not text.isascii():
            self._between_graphemes = bytearray(len(text) + 1)
            for match in _GRAPHEME.finditer(text):
                self._between_graphemes[match.end()] = 1

    def skip_space(self, position: int) -> int:
        """Where the white space at a position ends. One that a combining mark follows is no white space."""
        match = _SPACE.match(self._text, position)
        end = match.end() if match else position
        while end > position and not self._is_between(end):
            end -= 1
        return end

    def end_of_part(self, start: int) -> int:
        """Where the part that starts at a position ends."""
        limit = start + self._most
        rest = self._next_between(self._stripped)
        if rest <= limit:
            return rest
        levels: tuple[Callable[[int, int], Iterable[int]], ...] = (
            self._paragraphs,
            self._sentences,
            self._lines,
            self._clauses,
            self._words,
            self._graphemes,
        )
        for level in levels:
            fitting = [end for end in level(start, limit) if start < end <= limit and self._may_end(end)]
            if fitting:
                return max(fitting)
        return self._next_between(start + 1)

    def _spaces(self, start: int, limit: int) -> Iterator[re.Match[str]]:
        return _SPACE.finditer(self._text, start, min(limit + _LOOK_AHEAD, len(self._text)))

    def _paragraphs(self, start: int, limit: int) -> Iterator[int]:
        return (space.start() for space in self._spaces(start, limit) if len(_LINE.findall(space[0])) > 1)

    def _sentences(self, start: int, limit: int) -> Iterator[int]:
        window = self._text[start : limit + _LOOK_AHEAD]
        position = start
        # The segmenter takes no lone surrogate, and where the window ends no sentence does.
        for sentence in sentencex.segment("en", window.encode(errors="replace").decode())[:-1]:
            end = position + len(sentence.rstrip())
            position += len(sentence)
            if _SPACE.match(self._text, end):
                yield end

    def _lines(self, start: int, limit: int) -> Iterator[int]:
        return (space.start() for space in self._spaces(start, limit) if _LINE.search(space[0]))

    def _clauses(self, start: int, limit: int) -> Iterator[int]:
        spaces = self._spaces(start + 1, limit)
        return (space.start() for space in spaces if self._text[space.start() - 1] in _CLAUSE_END)

    def _words(self, start: int, limit: int) -> Iterator[int]:
        return (space.start() for space in self._spaces(start, limit))

    def _graphemes(self, start: int, limit: int) -> Iterator[int]:
        return (end for end in range(start + 1, limit + 1) if not self._text[end - 1].isspace())

    def _may_end(self, position: int) -> bool:
        """Whether a cut at a position leaves URLs, code spans and graphemes whole."""
        before = bisect_right(self._whole, (position, 0)) - 1
        inside = before >= 0 and self._whole[before][0] < position < self._whole[before][1]
        return not inside and self._is_between(position)

    def _is_between(self, position: int) -> bool:
        return self._between_graphemes is None or bool(self._between_graphemes[position])

    def _next_between(self, position: int) -> int:
        while not self._is_between(position):
            position += 1
        return position
