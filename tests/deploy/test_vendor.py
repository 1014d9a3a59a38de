"""The libraries that pages load: copied as npm brought them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import vendor


def test_each_library_is_copied_as_it_is(tmp_path: Path) -> None:
    vendor.copy(tmp_path / "vendor")
    copied = {path.name: path.read_bytes() for path in (tmp_path / "vendor").iterdir()}
    assert copied == {
        name: (vendor.ROOT / "node_modules" / source).read_bytes() for name, source in vendor.LIBRARIES.items()
    }


def test_an_older_copy_is_replaced_and_a_good_one_left_alone(tmp_path: Path) -> None:
    vendor.copy(tmp_path)
    kept = (tmp_path / "preact.js").stat().st_mtime_ns
    (tmp_path / "supabase.js").write_text("old")
    vendor.copy(tmp_path)
    assert (tmp_path / "supabase.js").stat().st_size > 1000
    assert (tmp_path / "preact.js").stat().st_mtime_ns == kept


def test_without_npms_packages_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="make setup"):
        vendor.copy(tmp_path / "vendor")
