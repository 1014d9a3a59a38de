"""Texts to us: which of them are a word that we act on, and what we answer."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import inbound_text, text_message
from shared.inbound_text import InboundText, read, word_of
from shared.wording import LANGUAGES

FORM = {"MessageSid": "SM1", "From": "+4915112345678", "Body": "Stop"}


@pytest.mark.parametrize(
    "body",
    [
        *(
            "STOP",
            "stop",
            " Stop. ",
            "STOP!",
            "stopall",
            "Stop all",
            "STOP-ALL",
            "Unsubscribe",
            "cancel",
            "CANCEL.",
            "END",
        ),
        *(
            "Quit",
            "s t o p",
            "\u201cSTOP\u201d",
            "ＳＴＯＰ",
            "Stop \U0001f6d1",
            "STOPP",
            "Abmelden",
            "ARRÊT",
            "arrêter",
        ),
        *("Désabonner", "baja", "Parar", "\nstop\n"),
    ],
)
def test_stop(body: str) -> None:
    assert word_of(body) == "stop"


@pytest.mark.parametrize(
    ("body", "word"), [("Start", "start"), ("yes", "start"), ("UNSTOP", "start"), ("HELP", "help")]
)
@pytest.mark.parametrize("frame", ["{}", " {}! ", "{}\u00a0"])
def test_start_and_help(body: str, word: str, frame: str) -> None:
    assert word_of(frame.format(body)) == word


def test_help_in_our_languages() -> None:
    assert {word_of(body) for body in ("info", "Hilfe", "Aide?", "¡Ayuda!")} == {"help"}


@pytest.mark.parametrize(
    "body",
    [
        *(
            "",
            " ",
            "?",
            "Please stop",
            "stop it",
            "don't stop",
            "Stopover",
            "yes please",
            "I will cancel",
            "cancel my booking",
        ),
        *("Annuler", "Cancelar", "Absagen", "ja", "oui", "sí", "stop" + "!" * 50, "\x00"),
    ],
)
def test_all_else_is_no_word(body: str) -> None:
    assert word_of(body) is None


@given(st.text())
def test_any_text_is_read(body: str) -> None:
    assert word_of(body) in (None, "stop", "start", "help")


def test_a_text_is_known_by_its_id_and_number() -> None:
    assert read(list(FORM.items())) == InboundText("SM1", "+4915112345678", "stop", answered=False)
    for wrong in (
        {"From": ""},
        {"From": "whatsapp:+4915112345678"},
        {"From": "12345"},
        {"MessageSid": ""},
        {"From": "+0"},
    ):
        assert read(list((FORM | wrong).items())) is None


@pytest.mark.parametrize(("kind", "word"), [("STOP", "stop"), ("START", "start"), ("HELP", "help")])
def test_with_advanced_opt_out_twilio_says_what_it_was_and_answers(kind: str, word: str) -> None:
    text = read([*FORM.items(), ("Body", "Nein danke"), ("OptOutType", kind)])
    assert text is not None
    assert (text.word, text.answered) == (word, True)


def test_a_type_that_is_not_known_decides_nothing() -> None:
    text = read([*FORM.items(), ("OptOutType", "NEW")])
    assert text is not None
    assert (text.word, text.answered) == ("stop", False)


@pytest.mark.parametrize("locale", [*LANGUAGES, "de-AT", "pt", None])
def test_help_says_whom_to_ask_and_how_to_stop(locale: str | None) -> None:
    answer = inbound_text.help_text(locale, "help@example.com")
    assert "help@example.com" in answer
    assert "STOP" in answer
    assert text_message.segments(answer) == 1
    assert "help@" not in inbound_text.help_text(locale, "")
    assert "STOP" in inbound_text.help_text(locale, "")


def test_each_language_has_its_own_words() -> None:
    assert len({inbound_text.help_text(language, "") for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize("answer", [None, "", "Ask <us> & them: \u201chelp\u201d"])
def test_twiml_is_xml(answer: str | None) -> None:
    root = ElementTree.fromstring(inbound_text.twiml(answer))
    assert root.tag == "Response"
    assert [message.text for message in root] == ([answer] if answer else [])
