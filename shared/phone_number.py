"""Telephone numbers, as people type them, by the rules of each country (`phonenumbers`: 40 ms to import)."""

from __future__ import annotations

import re


class NoNumber(ValueError):
    """Not a number that can get texts. The message says what is wrong, without the number."""


def mobile_number(text: str, country: str | None) -> str:
    """The number as E.164 (`+4915112345678`). `country` (ISO 3166, two letters) reads those without `+`.

    Raises NoNumber for what is no number anywhere, and for one that gets no texts, such as a landline.
    """
    import phonenumbers
    from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

    typed = " ".join(text.replace("\u00a0", " ").split())
    if not re.fullmatch(r"[+\uff0b]?[\d ()./\u2010-\u2015-]{4,40}", typed):
        raise NoNumber("digits, and + before the country's code")
    try:
        number = phonenumbers.parse(typed, country)
    except NumberParseException as error:
        no_country = error.error_type == NumberParseException.INVALID_COUNTRY_CODE
        raise NoNumber("begin with + and the country's code" if no_country else "not a telephone number") from None
    if not phonenumbers.is_valid_number(number):
        raise NoNumber("not a telephone number")
    # In North America nothing in a number tells whether it is a mobile one.
    if phonenumbers.number_type(number) not in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
        raise NoNumber("this number cannot receive texts")
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
