"""Pictures of many pages side by side, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from local import chromium

_COLUMNS = {360: 7, 1200: 3}  # of pages as wide as that
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_STYLE = "body {{ margin: 0; line-height: 0 }} iframe {{ width: {width}px; height: {height}px; border: 0 }}"


def draw(groups: Mapping[str, Sequence[Path]], height: int) -> int:
    """Four pictures for each group of pages of one folder, beside them: `sheet-<group>-<width>-<scheme>.png`.

    `height`: of each page in a picture. → how many pictures
    """
    pictures = 0
    with sync_playwright() as playwright, chromium.launch(playwright.chromium) as browser:
        for name, pages in groups.items():
            for width, columns in _COLUMNS.items():
                frames = "".join(f'<iframe src="{page.name}"></iframe>' for page in pages)
                style = _STYLE.format(width=width, height=height)
                sheet = pages[0].with_name(f"sheet-{name}-{width}.htm")
                scheme = '<meta name="color-scheme" content="light dark">'
                sheet.write_text(f"<!DOCTYPE html>{scheme}<style>{style}</style>{frames}", encoding="utf-8")
                pictures += _photograph(browser, sheet, width * columns, height * -(-len(pages) // columns))
    return pictures


def _photograph(browser: Browser, sheet: Path, width: int, height: int) -> int:
    for scheme in _SCHEMES:
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": height})
        page.goto(sheet.resolve().as_uri())
        page.screenshot(path=sheet.with_name(f"{sheet.stem}-{scheme}.png"))
        page.close()
    return len(_SCHEMES)
