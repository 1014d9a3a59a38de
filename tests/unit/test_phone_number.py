"""Telephone numbers as people type them."""

from __future__ import annotations

import pytest

from shared.phone_number import NoNumber, mobile_number


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("+4915112345678", None, "+4915112345678"),
        ("+49 (0)151 1234-5678", None, "+4915112345678"),
        ("+49\u00a0151\u00a012345678", "FR", "+4915112345678"),
        ("0151 12345678", "DE", "+4915112345678"),
        ("0049 151 12345678", "FR", "+4915112345678"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("07400 123456", "GB", "+447400123456"),
        ("612 34 56 78", "ES", "+34612345678"),
        ("+39 312 345 6789", None, "+393123456789"),
        ("＋4915112345678", None, "+4915112345678"),
        ("٠١٥١١٢٣٤٥٦٧٨", "DE", "+4915112345678"),
    ],
)
def test_numbers(typed: str, country: str | None, number: str) -> None:
    assert mobile_number(typed, country) == number


@pytest.mark.parametrize(
    ("typed", "country", "said"),
    [
        ("0151 12345678", None, "begin with +"),
        ("0151 12345678", "XX", "begin with +"),
        ("+49 30 123456", None, "cannot receive texts"),
        ("+44 20 7946 0000", None, "cannot receive texts"),
        ("+1 500 555 0006", None, "cannot receive texts"),
        ("+49 151 12345678 ext. 5", None, "digits"),
        ("+49 151 123456789012", None, "not a telephone number"),
        ("+999 123456", None, "begin with +"),
        ("0000000000", "DE", "not a telephone number"),
        ("", "DE", "digits"),
        ("tel:+4915112345678;phone-context=x", None, "digits"),
        ("1-800-FLOWERS", "US", "digits"),
        ("\u202e+4915112345678", None, "digits"),
        ("+" * 41, None, "digits"),
    ],
)
def test_what_gets_no_texts(typed: str, country: str | None, said: str) -> None:
    with pytest.raises(NoNumber, match=said) as refused:
        mobile_number(typed, country)
    assert not typed or typed not in str(refused.value)
