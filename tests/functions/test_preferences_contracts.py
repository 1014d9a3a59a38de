"""What `preferences` posts to Resend and Twilio, with their published contracts in between."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.conftest import Connection, Stack
from tests.functions.acting import PLAIN, House, monday
from tests.functions.in_process import served
from tests.functions.preferring import PHONE, Preferring
from tests.providers.test_contracts import CONTRACTS, PRISM, behind_prism

CLIENT = "client@example.com"
pytestmark = [
    pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the handbook with the vendors' OpenAPI files is not here"),
    pytest.mark.skipif(not PRISM.is_file(), reason="the npm packages are not installed"),
]


def test_the_mail_with_a_link_keeps_to_resends_contract(clean: Stack, db: Connection, tmp_path: Path) -> None:
    at = Preferring(House(clean.env, db))
    at.house.book(PLAIN, monday(), CLIENT)
    with (
        behind_prism("resend-openapi-strict.json", clean.env["RESEND_API_URL"], tmp_path / "prism.log") as url,
        served("preferences", clean.env | {"RESEND_API_URL": url}) as client,
    ):
        assert client.post("/link", json={"email": CLIENT}).status_code == 202
    assert len(at.links(CLIENT)) == 1


def test_the_text_with_a_code_keeps_to_twilios_contract(clean: Stack, db: Connection, tmp_path: Path) -> None:
    house = House(clean.env, db)
    with (
        closing(house.person(CLIENT)) as person,
        behind_prism("twilio_api_v2010.yaml", clean.env["TWILIO_API_URL"], tmp_path / "prism.log") as url,
        served("preferences", clean.env | {"TWILIO_API_URL": url}) as client,
    ):
        answer = client.post("/phone", json={"phone": PHONE}, headers={"Authorization": f"Bearer {person.token}"})
    assert answer.status_code == 202, answer.text
    assert answer.json["outcome"] == "sent"  # type: ignore[index]
    assert len(httpx.get(f"{clean.env['TWILIO_API_URL']}/_sim/messages", params={"to": PHONE}).json()) == 1
