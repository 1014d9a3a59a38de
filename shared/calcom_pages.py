"""All pages of a list of Cal.com's, in the order of a time that every booking has.

Pages are turned by that time, not by number: no booking is passed over when others change, and so change their place,
while we read. Only where a whole page has one time, pages are turned by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from shared.calcom_api import Page
from shared.calcom_values import Object, instant

# Whether the list includes its lower bound is nowhere promised.
_TICK = timedelta(milliseconds=1)

Read = Callable[[datetime | None, int], Page]


def pages(read: Read, field: str, after: datetime | None) -> Iterator[tuple[tuple[Object, ...], datetime | None]]:
    """Each page, and the latest time on it. What stands at the edge of two may be on both.

    `read(after, skip)` reads a page of the bookings whose `field` is at or after `after` (None: all), ordered by it.
    """
    skip = 0
    while True:
        page = read(after, skip)
        latest = max(filter(None, (instant(one.get(field)) for one in page.bookings)), default=None)
        yield page.bookings, latest
        if not page.more:
            return
        onward = latest - _TICK if latest else None
        if onward and (after is None or onward > after):
            after, skip = onward, 0
        else:
            skip += len(page.bookings)
