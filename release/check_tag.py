"""Says whether a tag may be released: it is the package's version, and the changelog has that version with its day.

python release/check_tag.py v0.1.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pytest_paygate.version import __version__

ROOT = Path(__file__).parent.parent


def problems(tag: str, version: str, changelog: str) -> list[str]:
    """What stands against a release.

    Args:
        tag: the tag that was pushed.
        version: what the package says of itself.
        changelog: the text of CHANGELOG.md.
    """
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, the package is {version}: tag v{version}, or change version.py first")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no line '## {version} - YYYY-MM-DD': move what is unreleased below one")
    return found


if __name__ == "__main__":
    told = problems(sys.argv[1], __version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    for one in told:
        print(one, file=sys.stderr)
    sys.exit(1 if told else 0)
