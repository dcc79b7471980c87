"""What Markdown, reStructuredText, plain text and HTML share: blocks of one kind below headings, and the tree that they form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from labmodels.embeddings.chunking.chunk import Chunk, Kind, Section, defining


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `first` to `last` of one kind; a heading when it has a level, 1 being the outermost."""

    first: int
    last: int
    kind: Kind = "paragraph"
    level: int = 0
    title: str = ""
    fences: tuple[int, int] = (0, 0)  # how many of its first and last lines are marks around the text
    symbols: tuple[str, ...] = ()


def tree(blocks: Sequence[Block], first: int, last: int, title: str = "") -> Section:
    """Return the section of `blocks`, which stand in order within its lines: each heading holds what follows, up to its like."""

    def parts() -> Iterator[Section]:
        index = 0
        while index < len(blocks):
            block = blocks[index]
            following = index + 1
            if block.level:
                while following < len(blocks) and not 0 < blocks[following].level <= block.level:
                    following += 1
                end = blocks[following].first - 1 if following < len(blocks) else last
                yield tree(blocks[index + 1 : following], block.first, end, block.title)
            else:
                yield Section(block.first, block.last, block.kind, is_apart=block.kind == "metric", symbols=defining(*block.symbols))
            index = following

    return Section(first, last, "paragraph", title, is_open=True, parts=parts)


def trails(blocks: Sequence[Block]) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """Yield the blocks that are no headings, each with the headings above it."""
    above: list[Block] = []
    for block in blocks:
        if block.level:
            above = [*(heading for heading in above if heading.level < block.level), block]
        else:
            yield block, tuple(heading.title for heading in above)


class Scanner:
    """Gathers lines into blocks; what a line begins is the content's own affair."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.blocks: list[Block] = []
        self.starts_at = 0  # of the block that is open
        self.kind: Kind = "paragraph"

    def add(self, number: int, kind: Kind) -> None:
        """Add a line to the open block, or open one."""
        if not self.starts_at:
            self.starts_at, self.kind = number, kind

    def close(self, number: int) -> None:
        """End the open block before line `number`."""
        if self.starts_at:
            self.blocks.append(Block(self.starts_at, number - 1, self.kind))
        self.starts_at = 0

    def heading(self, first: int, last: int, level: int, title: str) -> None:
        """Record a heading; nothing is open any more."""
        self.starts_at = 0
        self.blocks.append(Block(first, last, level=level, title=title))


def quotable(path: str, lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[Chunk]:
    """Yield each block by itself without its fences and, when it is code, without the indent of its fence."""
    for block, trail in trails(blocks):
        first, last = block.first + block.fences[0], block.last - block.fences[1]
        held = list(lines[first - 1 : last])
        if block.fences[0]:
            indent = len(lines[block.first - 1]) - len(lines[block.first - 1].lstrip())
            held = [line[min(indent, len(line) - len(line.lstrip())) :] for line in held]
        if any(line.strip() for line in held):
            yield Chunk(path, first, last, "\n".join(held), block.kind, trail)


Scan = Callable[[Sequence[str]], list[Block]]
