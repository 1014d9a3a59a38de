"""What can be measured of a page: how wide it is, where the focus goes, what moves."""

from __future__ import annotations

from playwright.sync_api import Page

_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const inside = (element) => element.closest("table, .scrolls") || getComputedStyle(element).position === "fixed";
  return [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !inside(element))
    .map((element) => `${element.tagName}.${element.className} ends at ${element.getBoundingClientRect().right}`)
    .concat(`the page is ${document.documentElement.scrollWidth} wide, not ${width}`);
}"""

# What is wrong with the focus where it is now; null where nothing has it.
_FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const words = (element.textContent || element.getAttribute("aria-label") || "").trim().slice(0, 40);
  const name = `${element.tagName} ${element.id} ${words}`;
  const style = getComputedStyle(element);
  const marked = element.tagName === "IFRAME" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const box = element.getBoundingClientRect();
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const labels = (there) => there.closest("label")?.control === element;
  const own = (there) => element.contains(there) || there.contains(element) || labels(there);
  const seen = right > left && bottom > top && [[.5, .5], [.1, .2], [.9, .8], [.5, .9], [.5, .1]].some(([x, y]) => {
    const there = document.elementFromPoint(left + (right - left) * x, top + (bottom - top) * y);
    return there && own(there);
  });
  return { name, wrong: [marked ? "" : "has no outline", seen ? "" : "is not in sight"].filter(Boolean).join(", ") };
}"""

_REACHABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter((element) => !element.disabled && element.tabIndex >= 0 && element.checkVisibility({visibilityProperty: true})
    && element.type !== "radio" && !element.closest("[inert]")).length"""


def too_wide(page: Page) -> list[str]:
    """What makes one scroll sideways; tables may have a scroll bar of their own."""
    found: list[str] = page.evaluate(_TOO_WIDE)
    return found


def walk(page: Page, most: int = 120) -> list[str]:
    """Go through the page by Tab; what is wrong with the focus on its way, and if it does not come everywhere."""
    page.evaluate("document.activeElement?.blur()")
    expected = min(page.evaluate(_REACHABLE), most)
    wrong: list[str] = []
    stops = 0
    for _ in range(most):
        page.keyboard.press("Tab")
        here = page.evaluate(_FOCUS)
        if here is None:
            break
        stops += 1
        if here["wrong"]:
            wrong.append(f"{here['name']} {here['wrong']}")
    return wrong if stops >= expected else [*wrong, f"only {stops} of {expected} can be reached by Tab"]


def moving(page: Page) -> list[str]:
    """The animations that run."""
    found: list[str] = page.evaluate("document.getAnimations().map((one) => one.animationName ?? one.constructor.name)")
    return found
