"""How reports may arrive: late, twice, re-sent, interleaved; and reports that no life would bring together."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from shared.booking import BookingChange, Host, Person
from tests.database.life import CLIENTS, COHOST, DAWN, MEETINGS, PLACES
from tests.database.model_chains import PHASES
from tests.database.model_people import identity
from tests.database.stories import story


def delivery(random: Random, said: list[BookingChange]) -> list[BookingChange]:
    """The same reports as a network may bring them: any order, some twice, some sent again later."""
    times = {(change.at, PHASES.get(change.trigger)) for change in said}
    brought = []
    for change in said:
        brought.append(change)
        if random.random() < 0.15:
            brought.append(change)
        if random.random() < 0.2:
            again = change.at + timedelta(seconds=random.randrange(1, 200))
            while (again, PHASES.get(change.trigger)) in times:  # equal in all that orders: left to chance
                again += timedelta(milliseconds=1)
            times.add((again, PHASES.get(change.trigger)))
            brought.append(change.model_copy(update={"at": again}))
    random.shuffle(brought)
    return brought


def noise(random: Random) -> list[BookingChange]:
    """Reports about four bookings that no life would bring together: the rules still give one answer."""
    seated = {uid for uid in "abcd" if random.random() < 0.25}
    return [_any_report(random, number, seated) for number in range(random.randrange(1, 13))]


def _any_report(random: Random, number: int, seated: set[str]) -> BookingChange:
    def perhaps(chance: float, *words: Any) -> Any:
        return random.choice(words) if random.random() < chance else None

    uid = random.choice("abcd")
    trigger = random.choice([*PHASES, "API", "CANCELLED", "RESCHEDULED", "CREATED", "NO_SHOW"])
    start = MEETINGS + timedelta(hours=random.randrange(3))
    people = tuple(
        person.model_copy(
            update={
                "seat": perhaps(0.7, f"seat-{identity(person)}", "s1") if uid in seated else None,
                "absent": perhaps(0.5, True, False) if trigger in ("API", "NO_SHOW") else None,
            }
        )
        for person in random.sample((*CLIENTS, Person(email="host@example.com")), random.randrange(4))
    )
    has_seats = uid in seated and (trigger == "RESCHEDULED" or random.random() < 0.9)
    origin = perhaps(0.3, *"abcdz", "s1")
    known_by = random.choice(("uid", "both", "both", "both", "number"))
    return BookingChange(
        trigger=trigger,
        at=DAWN + timedelta(seconds=random.randrange(600), milliseconds=number),
        uid=None if known_by == "number" else uid,
        calcom_id=None if known_by == "uid" else "abcd".index(uid) + 1,
        ical_uid=perhaps(0.5, "a@Cal.com", "b@Cal.com", f"{uid}@Cal.com", f"{uid}@Cal.com"),
        rescheduled_from_uid=origin if random.random() < 0.9 else None,
        rescheduled_from_id=perhaps(0.5, "abcdz".index(origin) + 1) if origin and origin in "abcdz" else None,
        rescheduled_to_uid=perhaps(0.1, *"abcdz"),
        recurring=random.random() < 0.3,
        series=perhaps(0.5, "first" if uid in "ab" else "second"),
        status=perhaps(0.9, "accepted", "accepted", "accepted", "pending", "cancelled", "rejected"),
        requires_confirmation=perhaps(0.3, True, False),
        reschedule_requested=perhaps(0.2, True, False),
        reason=perhaps(0.4, "Ill", "Late"),
        by=perhaps(0.4, "client", "staff"),
        starts_at=start,
        ends_at=start + timedelta(minutes=30),
        title=perhaps(0.7, "One", "Two"),
        event_type_title=perhaps(0.5, "Talk", "Walk"),
        location=perhaps(0.7, *PLACES),
        meeting_url=perhaps(0.4, "https://daily.example/1", "https://daily.example/2"),
        host=Host(email="host@example.com", hidden=perhaps(0.3, True, False)) if random.random() < 0.6 else None,
        team=(COHOST, "dan@example.com") if random.random() < 0.1 else (),
        booker=perhaps(0.3, "ana@example.com", "ben@example.com", "host@example.com"),
        people=people or None,
        seated=has_seats,
        seats=perhaps(0.3, 5, 6) if has_seats else None,
    )


def stories() -> st.SearchStrategy[list[BookingChange]]:
    """Reports in the order in which they were said."""
    return st.randoms(use_true_random=False).map(story)


def deliveries() -> st.SearchStrategy[list[BookingChange]]:
    """Reports in the order in which they arrive: of lives, or of nothing that could be."""
    randoms = st.randoms(use_true_random=False)
    return st.one_of(randoms.map(lambda random: delivery(random, story(random))), randoms.map(noise))


def examples(number: int) -> settings:
    """So many examples, the same at each run. With EXAMPLES=50 fifty times as many, new ones each time, and shrunk.

    To shrink an example takes minutes, since each step goes through the database.
    """
    more = os.environ.get("EXAMPLES")
    return settings(
        max_examples=number * int(more or 1),
        derandomize=more is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if more else (Phase.generate,),
    )
