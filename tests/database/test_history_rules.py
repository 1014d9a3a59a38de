"""The rules that judge a history of sending, given histories that break each of them, and some that look as if."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.database.history import (
    Action,
    Change,
    Claim,
    History,
    Message,
    Note,
    Post,
    Silence,
    about,
    violations,
)

TEN, NOON = "2026-12-01T10:00:00+00:00", "2026-12-01T12:00:00+00:00"
SENT = ("planned", "sending", "sent")


def message(number: str = "m", path: Sequence[str] = SENT, **words: Any) -> Message:
    facts = {"booking": "b", "person": "ana", "channel": "email", "kind": "reminder", "starts_at": TEN}
    return Message(**{"id": number, "path": path, **facts, **words})


def claim(began: int, key: str = "reminders/1", *messages: str, by: str = "one", repeated: bool = False) -> Claim:
    keys = dict.fromkeys(messages or ("m",), key)
    return Claim(began=began, ended=began + 1, by=by, keys=keys, repeated=frozenset({key} if repeated else ()))


def post(began: int, key: str | None = "reminders/1", *messages: str, took: bool = True, **words: Any) -> Post:
    names = messages or ("m",)
    facts: dict[str, Any] = {"by": "one", "channel": "email", "body": "bytes", "ended": began + 1}
    return Post(
        **{
            "began": began,
            "key": key,
            "messages": names,
            "accepted": frozenset(names if took else ()),
            **facts,
            **words,
        }
    )


def change(began: int, starts_at: str | None, **words: Any) -> Change:
    return Change(
        **{"began": began, "ended": began + 1, "by": "Cal.com", "booking": "b", "starts_at": starts_at, **words}
    )


def silence(began: int, *, all_mail: bool = False) -> Silence:
    return Silence(began=began, ended=began + 1, by="client", person="ana", all_mail=all_mail)


def told(*actions: Action, messages: Sequence[Message] = (message(),)) -> set[str]:
    history = History(starts={"b": TEN}, messages=messages, actions=actions)
    found = violations(history)
    for violation in found:
        assert about(history, violation).startswith(str(violation))
    return {violation.rule for violation in found}


def test_claimed_posted_accepted_sent() -> None:
    assert told(claim(1), post(3)) == set()


def test_two_are_not_one() -> None:
    assert told(claim(1), post(3), post(5)) == {"accepted more than once"}
    text = message(channel="sms")
    assert told(claim(1, "m"), post(3, None), post(5, None), messages=[text]) == {"accepted more than once"}


def test_the_same_again_is_no_second() -> None:
    again = [claim(5, by="two", repeated=True), post(7, by="two", took=False)]
    assert told(claim(1), post(3, answer="doubt"), *again) == set()


def test_what_came_due_must_have_left() -> None:
    assert told(messages=[message(path=("planned", "skipped"))]) == {"due and never accepted"}
    assert "due and never accepted" in told(claim(1), messages=[message(path=("planned", "sending", "unknown"))])
    assert "due and never accepted" in told(
        change(1, NOON), messages=[message(path=("planned", "skipped"), starts_at=NOON)]
    )


@pytest.mark.parametrize("action", [change(1, None), change(1, NOON), silence(1)])
def test_what_was_called_off_need_not(action: Action) -> None:
    assert told(action, messages=[message(path=("planned", "skipped"))]) == set()


def test_what_was_skipped_from_the_start_never_came_due() -> None:
    assert told(messages=[message(path=("skipped",))]) == set()


def test_a_refusal_is_an_end() -> None:
    refused = post(3, took=False, refused=frozenset({"m"}))
    failed = message(path=("planned", "sending", "failed"))
    assert told(claim(1), refused, messages=[failed]) == set()
    assert told(claim(1), post(3, took=False, answer="doubt"), messages=[failed]) == {
        "due and never accepted",
        "failed without a refusal",
    }


def test_none_for_a_booking_cancelled_before_its_claim() -> None:
    assert told(change(1, None), claim(3), post(5)) == {"of a cancelled booking"}
    assert told(claim(1), change(3, None), post(5)) == set(), "it was claimed before"
    assert told(change(1, None, ended=4), claim(3), post(5)) == set(), "they overlap"


def test_none_for_a_time_before_the_move() -> None:
    assert told(change(1, NOON), claim(3), post(5)) == {"of a time before the move"}
    assert told(claim(1), change(3, NOON), post(5)) == set()
    assert told(change(1, NOON), claim(3), post(5), messages=[message(starts_at=NOON)]) == set()
    assert told(claim(1), post(3), messages=[message(starts_at=NOON)]) == {"of a time before the move"}


def test_the_claim_that_counts_is_the_one_that_fixed_the_bytes() -> None:
    again = [claim(5, by="two", repeated=True), post(7, by="two")]
    assert told(claim(1), change(3, None), *again) == set()
    anew = [claim(5, by="two"), post(7, by="two")]
    assert told(claim(1), change(3, None), *anew) == {"of a cancelled booking"}
    assert told(post(1)) == {"posted without a claim"}


def test_none_to_who_turned_them_off() -> None:
    assert told(silence(1), claim(3), post(5)) == {"to somebody who must not be written to"}
    assert told(claim(1), silence(3), post(5)) == set()
    confirmation = [message(kind="confirmation")]
    assert told(silence(1), claim(3), post(5), messages=confirmation) == set()
    assert told(silence(1, all_mail=True), claim(3), post(5), messages=confirmation) == {
        "to somebody who must not be written to"
    }


def test_other_bytes_under_one_key() -> None:
    other = [claim(5), post(7, body="other", took=False)]
    assert told(claim(1), post(3, answer="doubt"), *other) == {"other bytes under one key"}
    assert told(claim(1), post(3, took=False, answer="no"), claim(5), post(7, body="other")) == {
        "other bytes under one key"
    }, "a batch keeps its bytes"
    single = [claim(1, "m"), post(3, "m", took=False, answer="no"), claim(5, "m"), post(7, "m", body="other")]
    assert told(*single) == set(), "a message that was refused for certain is written anew"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (("planned", "sending"), "without an end"),
        (("planned", "sending", "delivered", "sent"), "from delivered back to sent"),
        (("planned", "sending", "sent", "planned", "sending", "sent"), "from sent back to planned"),
        (("planned", "sending", "failed"), "failed, though accepted"),
        (("planned", "skipped"), "skipped, though accepted"),
    ],
)
def test_states_move_forward_to_an_end_that_is_true(path: Sequence[str], rule: str) -> None:
    assert told(claim(1), post(3), messages=[message(path=path)]) == {rule}


def test_sent_means_accepted() -> None:
    assert told(claim(1), post(3, took=False, answer="doubt")) == {
        "due and never accepted",
        "sent, though not accepted",
    }


def test_a_refused_message_is_planned_again() -> None:
    path = ("planned", "sending", "planned", "skipped", "planned", "sending", "sent", "bounced")
    assert told(claim(1), post(3), messages=[message(path=path)]) == set()


def test_a_text_in_doubt_ends_so() -> None:
    unknown = [message(path=("planned", "sending", "unknown"), channel="sms")]
    assert told(claim(1, "m"), post(3, None, took=False, answer="doubt"), messages=unknown) == set()
    assert told(claim(1, "m"), claim(5, "m", repeated=True), messages=unknown) == set(), "its holder died"
    assert told(claim(1, "m"), messages=unknown) == {"due and never accepted", "unknown without a doubt"}


def test_a_mail_in_doubt_is_tried_eight_times() -> None:
    unknown = [message(path=("planned", "sending", "unknown"), kind="confirmation")]
    tries = [post(3 + 2 * number, "m", took=False, answer="doubt") for number in range(8)]
    assert "unknown without a doubt" not in told(claim(1, "m"), *tries, messages=unknown)
    assert "unknown without a doubt" in told(claim(1, "m"), *tries[1:], messages=unknown)


def test_the_last_word_is_true() -> None:
    confirmation = message("c", kind="confirmation")
    first = [claim(1, "c", "c"), post(3, "c", "c")]
    assert told(*first, change(5, None), messages=[confirmation]) == {"the last word is not true"}
    assert told(*first, change(5, NOON), messages=[confirmation]) == {"the last word is not true"}
    cancelled = message("x", kind="cancelled")
    then = [change(5, None), claim(7, "x", "x"), post(9, "x", "x")]
    assert told(*first, *then, messages=[confirmation, cancelled]) == set()


def test_a_history_is_told_by_what_matters() -> None:
    killed = Note(began=3, ended=4, by="one", text="killed")
    other = claim(9, "reminders/2", "n", by="two")
    actions = [claim(1), killed, post(5), post(7), other]
    history = History(
        starts={"b": TEN}, messages=[message(), message("n", path=("planned", "sending"))], actions=actions
    )
    [twice, *_] = violations(history)
    lines = about(history, twice).splitlines()
    assert [line.split()[2] for line in lines[1:-1]] == ["Claim", "Note", "Post", "Post"]
    assert lines[-1].endswith("planned → sending → sent (None)")
