"""A function as functions-framework serves it, in this process, with settings of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from functions_framework import create_app

from ops.stage import ROOT
from shared import database, http_client, mail, settings


@contextmanager
def served(name: str, values: Mapping[str, str]) -> Iterator[FlaskClient]:
    """The function, reading these settings; what a process reads once is read anew."""
    with pytest.MonkeyPatch.context() as patch:
        for setting in settings.NAMES:
            patch.delenv(setting, raising=False)
        for setting, value in values.items():
            patch.setenv(setting, value)
        _forget()
        try:
            yield create_app(name, str(ROOT / "functions" / name / "main.py")).test_client()
        finally:
            _forget()


def _forget() -> None:
    settings.load.cache_clear()
    database._rest_url.cache_clear()
    mail._sdk.cache_clear()
    http_client.close()
