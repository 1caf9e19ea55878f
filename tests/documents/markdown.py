"""Reads the repository's Markdown: links, anchors, fenced blocks, code in running text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
SKIPPED = {"_build", "images"}
DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "suites").rglob("*.md"),
        ROOT / "reports" / "README.md",
    ]
    if not SKIPPED & set(path.parts)
)
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)(?P=marks) *$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: the document, the line it begins on, its language, its text without the fence's indent."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.path)}:{self.line}"


def name(path: Path) -> str:
    """A document's name for messages: its path in the repository."""
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path) -> Iterator[Block]:
    """Every fenced block of a document."""
    source = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(source):
        indent = len(match["indent"])
        text = "".join(line[indent:] if line.strip() else line for line in match["text"].splitlines(keepends=True))
        yield Block(path, source.count("\n", 0, match.start()) + 1, match["language"].strip(), text)


def prose(path: Path) -> str:
    """A document without its fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", _FENCE.sub("", path.read_text(encoding="utf-8")), flags=re.DOTALL)


def spans(path: Path) -> Iterator[str]:
    """Every piece of code in running text."""
    yield from (" ".join(found.split()) for found in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(path)))


def links(path: Path) -> Iterator[tuple[str, str]]:
    """Every link to another place of the repository: its path, empty for this document, and its anchor or nothing."""
    for match in _LINK.finditer(re.sub(r"`[^`]+`", "`code`", prose(path))):
        target, _, anchor = match["target"].partition("#")
        if "://" not in target and not target.startswith("mailto:"):
            yield target, anchor


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and the site make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(path), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        count = 0
        while (numbered := f"{slug}-{count}" if count else slug) in found:
            count += 1
        found.add(numbered)
    return found
