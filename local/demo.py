"""Demo data."""

from __future__ import annotations

from local.site import Site

PASSWORD = "booking-demo"


def seed(site: Site) -> None:
    pass
