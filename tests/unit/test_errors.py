"""The tree of errors is the one that is drawn, and each error's code is its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared import errors
from shared.errors import ServiceError


def test_the_drawn_tree_is_the_tree() -> None:
    drawn = re.findall(r"([│├└─ ]*)\b([A-Z]\w+) +(\d{3}) (\w+)$", errors.__doc__ or "", re.MULTILINE)
    assert [(len(indent) // 3, name, int(status), code) for indent, name, status, code in drawn] == [
        (depth + 1, kind.__name__, kind.status, kind.code) for depth, kind in tree(ServiceError, 0)
    ]


def tree(kind: type[ServiceError], depth: int) -> Iterator[tuple[int, type[ServiceError]]]:
    yield depth, kind
    for child in kind.__subclasses__():
        yield from tree(child, depth + 1)


def test_codes_are_distinct() -> None:
    codes = [kind.code for _, kind in tree(ServiceError, 0)]
    assert len(codes) == len(set(codes))
