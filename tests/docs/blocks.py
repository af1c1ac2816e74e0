"""The fenced blocks of the Markdown pages, and how they say what is to be done with them.

A comment before a block gives it a mark: ``<!-- not run: why -->``, ``<!-- exits: 4 -->``, or
``<!-- given: app, john -->``, which begins a scenario of Python blocks that share their names. A
``text`` block right after another one is what that one prints.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = (
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "changelog.d").glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
)

_COMMENT = re.compile(r"<!-- (not run|exits|given): (.+) -->")
_PORT = "8420"


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is that of its fence, from 1."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)
    expected: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether it is a command or program that the tests execute."""
        return self.language in ("sh", "python") and "not run" not in self.marks


@dataclass(frozen=True)
class Scenario:
    """Python blocks of a page that follow on each other, with what is there beforehand."""

    page: Path
    given: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """For the test's name."""
        return f"{self.page.stem}:{self.blocks[0].line}"


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, each with the output that follows it."""
    found: list[Block] = []
    adjacent = False
    for item in _items(page):
        if isinstance(item, Block):
            if adjacent and item.language == "text":
                found[-1] = replace(found[-1], expected=item.text)
            else:
                found.append(item)
        adjacent = isinstance(item, Block) and item.language != "text"
    return found


def scenarios_of(page: Path) -> list[Scenario]:
    """The scenarios of a page; each begins where a block says what is given."""
    found: list[Scenario] = []
    for block in blocks_of(page):
        if block.language != "python" or not block.is_run:
            continue
        if "given" in block.marks:
            given = tuple(name.strip() for name in block.marks["given"].split(","))
            found.append(Scenario(page, given, (block,)))
        elif found:
            found[-1] = replace(found[-1], blocks=(*found[-1].blocks, block))
    return found


def is_walkthrough(page: Path) -> bool:
    """Whether a page's blocks are run one after the other, beside a server of their own."""
    return any(block.language == "sh" and block.is_run for block in blocks_of(page))


def fits(expected: str, printed: str) -> bool:
    """Whether an output is the one shown, where ``...`` stands for whatever is not stable.

    In a line it is any text, alone on a line any lines. Runs of spaces count as one.
    """
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            parts = (re.escape(_squeezed(part)) for part in re.split(r"\.\.\.", line.rstrip()))
            pattern += r"[^\n]*?".join(parts) + r"\n"
    lines = (_squeezed(line.rstrip()) for line in printed.strip().splitlines())
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def at_port(text: str, port: int) -> str:
    """The text with the port of the documentation replaced by another one."""
    return text.replace(_PORT, str(port))


def _squeezed(line: str) -> str:
    return re.sub(r" +", " ", line)


def _items(page: Path) -> Iterator[Block | str]:
    """Blocks, and the lines between them that are not blank."""
    marks: dict[str, str] = {}
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            yield Block(page, number, line[3:].strip(), _inside(lines), marks)
            marks = {}
        elif comment := _COMMENT.fullmatch(line):
            marks = {**marks, comment[1]: comment[2]}
        elif line.strip():
            assert "```" not in line, f"{page}:{number}: a fence begins at the start of its line"
            yield line


def _inside(lines: Iterable[tuple[int, str]]) -> str:
    text = ""
    for _, line in lines:
        if line == "```":
            return text
        text += line + "\n"
    raise AssertionError("a fence is not closed")
