"""Writes the golden reports anew: `python -m tests.golden`."""

from __future__ import annotations

from tests.golden.reports import FILES, rendered
from tests.golden.scenes import FOLDER, SCENES

for name in SCENES:
    for suffix, text in zip(FILES, rendered(name), strict=True):
        path = FOLDER / f"{name}.{suffix}"
        path.write_text(text, encoding="utf-8")
        print(path)
