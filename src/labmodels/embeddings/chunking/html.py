"""HTML: the text that a reader sees, line by line where it stands in the file; scripts, styles and tags are left out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from labmodels.embeddings.chunking.chunk import Kind, Outline
from labmodels.embeddings.chunking.prose import Block, tree

_UNSEEN = frozenset({"script", "style", "template", "svg"})
_INLINE = frozenset(
    re.findall(
        r"\w+",
        """
        a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup
        tt u var wbr
        """,
    )
)
_KINDS: dict[str, Kind] = {"li": "list", "dd": "list", "dt": "list", "pre": "code", "tr": "table"}
_CELLS = frozenset({"td", "th"})


def outline(text: str) -> Outline:
    """Return what is visible of an HTML page, a line for each line of a block."""
    page = _Page()
    page.feed(text)
    page.close()
    page.end_block()
    return Outline(page.lines, tree(page.blocks, 1, len(page.lines)), page.numbers)


class _Page(HTMLParser):
    """Gathers visible text into blocks, with a blank line between them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.numbers: list[int] = []
        self.blocks: list[Block] = []
        self._first = 1  # of the block that is open
        self._kind: Kind = "paragraph"
        self._level = 0
        self._unseen: list[str] = []
        self._is_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen:
            self._unseen += [tag] if tag == self._unseen[-1] else []
            return
        if tag in _CELLS:
            self._cell()
        elif tag == "br":
            self._line_break()
        elif tag not in _INLINE:
            self.end_block()
            self._kind = _KINDS.get(tag, "paragraph")
            self._is_pre = tag == "pre"
            self._level = int(tag[1]) + 1 if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456" else int(tag == "title")
        if tag in _UNSEEN:
            self._unseen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.pop()
        elif tag not in _INLINE and tag not in _CELLS and tag != "br":
            self.end_block()

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        number = self.getpos()[0]
        for offset, piece in enumerate(data.split("\n")):
            seen = piece.rstrip() if self._is_pre else " ".join(piece.split())
            if not seen.strip():
                continue
            is_open = len(self.lines) >= self._first and self.numbers[-1] == number + offset
            if is_open:
                space = "" if self._is_pre or not (piece[0].isspace() or self._ends_in_space) else " "
                self.lines[-1] += space + seen
            else:
                self.lines.append(seen)
                self.numbers.append(number + offset)
        self._ends_in_space = data[-1:].isspace()

    _ends_in_space = False

    def end_block(self) -> None:
        """End the block that is open."""
        last = len(self.lines)
        if last >= self._first:
            title = " ".join(self.lines[self._first - 1 :]) if self._level else ""
            self.blocks.append(Block(self._first, last, self._kind, self._level, title))
            self.lines.append("")
            self.numbers.append(self.numbers[-1])
            self._first = last + 2
        self._kind, self._level, self._is_pre, self._ends_in_space = "paragraph", 0, False, False

    def _cell(self) -> None:
        if len(self.lines) >= self._first:
            self.lines[-1] += " |"
            self._ends_in_space = True

    def _line_break(self) -> None:
        self._ends_in_space = True
