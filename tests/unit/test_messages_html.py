"""The HTML part holds to what mail programs can do: Gmail, Outlook for Windows, Outlook.com, Apple Mail, phones."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from local.mails import example
from shared.wording import LANGUAGES
from tests.unit.rendered import KINDS, attended, mail, visible, written

VOID = {"meta", "br", "img", "hr", "input", "link"}
# Elements that Gmail and Outlook keep and that a mail needs; no script, image, form, svg, video, iframe …
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "table",
    "tr",
    "td",
    "p",
    "h1",
    "a",
    "s",
    "span",
} | {
    "strong",
    "br",
}
# Properties that the Word engine of Outlook ignores harmlessly are marked: what they are good for elsewhere.
PROPERTIES = {
    *("margin", "padding", "width", "color", "background-color", "border", "border-top", "border-color"),
    *("font-family", "font-size", "font-weight", "line-height", "text-align", "text-decoration"),
    *("padding-left", "padding-right", "border-collapse", "mso-padding-alt", "mso-hide"),
    "display",  # none, block, inline-block only
    "max-width",  # Word: the table around it has a width
    *(
        "border-radius",
        "table-layout",
        "overflow-wrap",
        "word-break",
        "white-space",
    ),  # Word: square, as wide as its words
    *("max-height", "overflow"),  # of the preheader, which Word hides by mso-hide
    *("color-scheme", "supported-color-schemes", "-webkit-text-size-adjust"),
}


class Tree(HTMLParser):
    """Elements with their attributes, in order; fails on a tag that is closed wrongly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.styles.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def declarations(css: str) -> list[tuple[str, str]]:
    return [(name, value.strip()) for name, value in re.findall(r"([a-z-]+):\s*([^;{}]+)(?=[;}]|$)", css)]


@pytest.fixture(params=[(kind, language) for kind in KINDS for language in LANGUAGES], ids="-".join)
def html(request: pytest.FixtureRequest) -> str:
    kind, language = request.param
    return written(kind, language, location="Main Street 1").html


def test_structure(html: str) -> None:
    tree = Tree(html)
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    assert {tag for tag, _ in tree.elements} <= ALLOWED
    assert len(tree.all("h1")) == 1
    assert all(table.get("role") == "presentation" for table in tree.all("table"))
    assert not any(name.startswith("on") for _, attributes in tree.elements for name in attributes)
    assert not any("id" in attributes for _, attributes in tree.elements)
    metas = {meta.get("name"): meta.get("content") for meta in tree.all("meta")}
    assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    article = next(attributes for attributes in tree.all("div") if attributes.get("role") == "article")
    assert article["aria-label"]
    assert article["lang"] == tree.all("html")[0]["lang"]


def test_links(html: str) -> None:
    for link in Tree(html).all("a"):
        assert re.match(r"https://|tel:\+|mailto:", link["href"] or "")


def test_styles(html: str) -> None:
    tree = Tree(html)
    inline = "; ".join(attributes["style"] or "" for _, attributes in tree.elements if "style" in attributes)
    for name, value in declarations(inline) + declarations("".join(tree.styles)):
        if name in ("prefers-color-scheme",):
            continue
        assert name in PROPERTIES, name
        assert not re.search(r"url\(|var\(|calc\(|rgba?\(|hsla?\(|\d(?:rem|em|vw|vh)\b|(?<![\w-])-\d|expression", value)
        if name == "display":
            assert value.removesuffix(" !important") in ("none", "block", "inline-block")
    assert "!important" not in inline  # Outlook drops such a declaration
    for block in tree.styles:
        assert len(block) < 8192  # Gmail drops a longer one
        assert "@import" not in block
    # Gmail drops a block with a selector that it does not know: the rules for phones stand in one of their own.
    phones = next(block for block in tree.styles if "max-width: 480px" in block)
    assert "[" not in phones
    assert "prefers-color-scheme" not in phones


def test_buttons_have_room_in_outlook_for_windows(html: str) -> None:
    cells = re.findall(
        r'<td class="(?:primary|card)" align="center" bgcolor="#\w{6}" style="[^"]*mso-padding-alt: ', html
    )
    assert len(cells) == len(re.findall(r'<a class="button ', html)) >= 1
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 3


def test_every_class_is_known_to_dark_mode_or_phones(html: str) -> None:
    tree = Tree(html)
    used = {name for _, attributes in tree.elements for name in (attributes.get("class") or "").split()}
    known = set(re.findall(r"\.([a-z]+)\b", "".join(tree.styles)))
    assert used <= known


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_enough_in_both_schemes(html: str) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, on the card and on the page around it."""
    tree = Tree(html)
    styles = [attributes["style"] or "" for tag, attributes in tree.elements if "style" in attributes]
    inks = {
        value
        for style in styles
        if "display: none" not in style
        for name, value in declarations(style)
        if name == "color"
    }
    assert inks > {"#ffffff", "#1b2430"}
    for ink in inks - {"#ffffff"}:
        assert min(contrast(ink, "#ffffff"), contrast(ink, "#f2f4f7")) >= 4.5, ink
    assert contrast("#ffffff", "#1a56b8") >= 4.5  # the button
    dark = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", html, re.S)
    assert dark is not None
    rules = {name: dict(declarations(rule)) for name, rule in re.findall(r"\.(\w+) \{ ([^}]*) \}", dark[1])}
    for name, rule in rules.items():
        ink = rule.get("color", "#ffffff").removesuffix(" !important")
        papers = (
            [rule["background-color"].removesuffix(" !important")]
            if "background-color" in rule
            else ["#20242b", "#15181d"]
        )
        assert min(contrast(ink, paper) for paper in papers) >= 4.5, name


def test_preheader_comes_first_and_says_when_and_what(html: str) -> None:
    found = re.search(r"<body[^>]*>\s*<div style=\"display: none;[^\"]*mso-hide: all;[^\"]*\">(.*?)</div>", html, re.S)
    assert found is not None
    assert "(Europe/Berlin, UTC+01:00) · Intro call between Holly Host and Clara Client" in found[1]
    assert "Intro call" in visible(html)


def test_small_enough_for_gmail_even_when_full() -> None:
    """Gmail cuts a mail at 102 KB."""
    full = dict.fromkeys(("title", "description", "host_name", "location", "contact"), "&<>\"' äöü €" * 700)
    assert len(written("rescheduled", **full).html.encode()) < 80_000


def test_headings_do_not_skip_and_words_come_in_reading_order() -> None:
    guest = visible(mail(attended(example("rescheduled"), role="guest")).html)
    order = ["Rescheduled", "Intro call", "Previously", "30 November", "New time", "1 December", "For the host"]
    order += ["Your booking has a new time.", "Join online", "View booking", "With", "Agenda", "Add to calendar"]
    places = [guest.index(words) for words in order]
    assert all(one < other for one, other in pairwise(places))
