"""Pictures of many pages side by side, narrow and wide, light and dark."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import node

_COLUMNS = {360: 7, 1200: 3}  # of pages as wide as that
_STYLE = "body {{ margin: 0; line-height: 0 }} iframe {{ width: {width}px; height: {height}px; border: 0 }}"


def draw(groups: Mapping[str, Sequence[Path]], height: int) -> int:
    """Four pictures for each group of pages of one folder, beside them: `sheet-<group>-<width>-<scheme>.png`.

    `height`: of each page in a picture. → how many pictures
    """
    orders: list[dict[str, object]] = []
    for name, pages in groups.items():
        for width, columns in _COLUMNS.items():
            frames = "".join(f'<iframe src="{page.name}"></iframe>' for page in pages)
            style = _STYLE.format(width=width, height=height)
            sheet = pages[0].with_name(f"sheet-{name}-{width}.htm")
            scheme = '<meta name="color-scheme" content="light dark">'
            sheet.write_text(f"<!DOCTYPE html>{scheme}<style>{style}</style>{frames}", encoding="utf-8")
            size = {"width": width * columns, "height": height * -(-len(pages) // columns)}
            for colours in ("light", "dark"):
                picture = str(sheet.with_name(f"{sheet.stem}-{colours}.png").resolve())
                orders.append({"page": sheet.resolve().as_uri(), "scheme": colours, **size, "picture": picture})
    command = [str(node.NODE), str(Path(__file__).with_name("photograph.mjs"))]
    subprocess.run(command, input=json.dumps(orders), env=node.environment(), text=True, check=True, timeout=600)
    return len(orders)
