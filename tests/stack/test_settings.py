"""The settings are documented, and the local stack knows each of them."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from local.site import ROOT, Ports, Site, settings
from shared.settings import NAMES

_DOCUMENTED = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_every_setting_is_documented_once() -> None:
    assert sorted(_DOCUMENTED) == sorted(NAMES)


def test_every_documented_setting_has_a_line_that_explains_it_or_its_group() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for before, line in pairwise(lines):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), f"{line} has no comment above"


def test_the_local_stack_sets_every_setting(tmp_path: Path) -> None:
    values = settings(Site(tmp_path, Ports()), {})
    assert set(values) == NAMES
    assert all(values.values())


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = settings(Site(tmp_path / "one", Ports()), {})
    assert settings(Site(tmp_path / "one", Ports()), {}) == first
    other = settings(Site(tmp_path / "two", Ports()), {})
    for name in ("SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET", "CALCOM_WEBHOOK_SECRET", "LINK_SECRET"):
        assert other[name] != first[name]
    assert (tmp_path / "one" / "secrets.json").stat().st_mode & 0o077 == 0


def test_values_may_be_sourced_by_a_shell(tmp_path: Path) -> None:
    for value in settings(Site(tmp_path, Ports()), {}).values():
        assert re.fullmatch(r"[\w.,:/@+=-]+", value, re.ASCII), value
