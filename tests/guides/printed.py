"""What the guides print: the text of each, and our own examples of the same calls.

The guides lie in ``../shared`` beside the checkout where Tenantry is built. Elsewhere only our own
examples run; the summary at the end of a test run says which it was.
"""

import ast
import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.blocks import ROOT, blocks_of

GUIDES = ROOT.parent / "shared" / "guides"
OWN = Path(__file__).parent

_TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def pages(name: str) -> list[Path]:
    """Our own page of this name, and the guide's where it is there."""
    return [page for page in (OWN / name, GUIDES / name) if page.exists()]


def title(page: Path) -> str:
    """For the test's name."""
    return "own" if page.parent == OWN else "printed"


def summary() -> str:
    """Which texts a run has executed."""
    if GUIDES.exists():
        return "guides: run from their own text and from our examples"
    return f"guides: not beside this checkout ({GUIDES}); only our own examples of them were run"


@dataclass(frozen=True)
class Printed:
    """The Python blocks of a page, in order, from 0."""

    page: Path
    blocks: tuple[str, ...]

    @classmethod
    def of(cls, page: Path) -> "Printed":
        """The blocks of a page, which is Markdown or reStructuredText."""
        if page.suffix == ".rst":
            return cls(page, tuple(_directives(page.read_text(encoding="utf-8"))))
        return cls(page, tuple(b.text for b in blocks_of(page) if b.language == "python"))

    async def run(self, number: int, **names: Any) -> dict[str, Any]:
        """Run a block with these names and what earlier blocks import; all names afterwards."""
        known = dict(names)
        waiting = self._begin(number, known)
        if waiting is not None:
            await waiting
        return known

    def play(self, number: int, **names: Any) -> dict[str, Any]:
        """The same for a block that awaits nothing."""
        known = dict(names)
        assert self._begin(number, known) is None
        return known

    def _begin(self, number: int, known: dict[str, Any]) -> Any:  # Any: as eval says
        exec(self.imports_before(number), known)
        place = f"{self.page.name}, block {number}"
        code = compile(self.blocks[number], place, "exec", _TOP_LEVEL_AWAIT, dont_inherit=True)
        return eval(code, known)

    def imports_before(self, number: int) -> str:
        """The imports of all earlier blocks, which a reader takes as given further down."""
        found = []
        for text in self.blocks[:number]:
            tree = compile(text, self.page.name, "exec", ast.PyCF_ONLY_AST | _TOP_LEVEL_AWAIT)
            assert isinstance(tree, ast.Module)
            kinds = (ast.Import, ast.ImportFrom)
            found += [ast.unparse(node) for node in tree.body if isinstance(node, kinds)]
        return "".join(f"{line}\n" for line in found if not line.startswith("from tests."))


def _directives(page: str) -> Iterator[str]:
    """The contents of the directives ``.. code-block:: python``, which are indented."""
    for part in page.split("\n.. code-block:: python\n")[1:]:
        inside = itertools.takewhile(lambda line: not line or line[0] == " ", part.split("\n"))
        yield textwrap.dedent("\n".join(inside)).strip("\n") + "\n"
