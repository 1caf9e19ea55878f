"""Documents of the repository that lie outside `docs/` and are pages of the site as well, with their links turned.

Owns where each of them stands on the site; knows nothing of Sphinx.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent.parent

# Document in the repository -> page of the site.
PAGES = {
    "ARCHITECTURE.md": "project/architecture",
    "CONTRIBUTING.md": "project/contributing",
    "SECURITY.md": "project/security",
    "CHANGELOG.md": "project/changelog",
    "suites/e2e/RUNBOOK.md": "runbooks/e2e",
    "suites/microcharge/RUNBOOK.md": "runbooks/microcharge",
}
_LINK = re.compile(r"(?P<label>\[[^\]\n]+\])\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def text(path: str, page: str) -> str:
    """A document as it reads on a page of the site.

    Args:
        path: the document, from the root of the repository.
        page: the page that shows it, from `docs/`, without suffix.

    Returns:
        Its Markdown; links to pages of the site are relative to `page`, links to other files of the repository are
        left as their label.
    """
    folder = PurePosixPath(path).parent

    def turned(match: re.Match[str]) -> str:
        if "://" in match["target"]:
            return match[0]
        target = os.path.normpath(folder / match["target"])
        on_site = f"docs/{PAGES[target]}.md" if target in PAGES else target
        if not on_site.startswith("docs/"):
            return f"{match['label'][1:-1]}"
        away = os.path.relpath(on_site.removeprefix("docs/"), PurePosixPath(page).parent)
        return f"{match['label']}({away}{match['anchor'] or ''})"

    return _LINK.sub(turned, (ROOT / path).read_text(encoding="utf-8"))
