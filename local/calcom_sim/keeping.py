"""What outlives a restart: bookings, the webhooks made through the API, and the last number given.

They are in one JSON file. A change is in it about a second later, so that not even `kill -9` loses more. Webhooks that
had not been sent are not kept, as at Cal.com: what waits when it stops is never sent.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from local.calcom_sim.state import Attendee, Booking, Json, Webhook, World
from local.site import write_private

_FORMAT = 1  # to be raised when a file of before can no longer be read
_PAUSE_SECONDS = 1
# More than a second that was lost can have given, so that none of its numbers is given again.
_NUMBERS_LOST = 1_000
_MOMENTS = ("start", "end", "created_at", "updated_at")


class Keeper:
    """Keeps the state of `world` in `file`."""

    def __init__(self, world: World, file: Path) -> None:
        self._world = world
        self._file = file
        self._lock = threading.Lock()
        self._seen = 0  # the actions of the world when it was last looked at
        self._written = ""

    def load(self) -> None:
        """Take over what the file holds. One that cannot be read is put aside, and the start is empty."""
        try:
            self._take_over(self._file.read_text())
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            aside = self._file.with_name(self._file.name + ".unreadable")
            self._file.replace(aside)
            print(f"State file not readable ({type(error).__name__}): empty start, the file is now {aside}", flush=True)

    def watch(self) -> None:
        """Save whatever changes, at most once a second, from a thread of its own."""

        def work() -> None:
            while True:
                time.sleep(_PAUSE_SECONDS)
                if self._world.actions != self._seen:
                    self.save()

        threading.Thread(target=work, name="keeper", daemon=True).start()

    def save(self) -> None:
        """Write the state, unless the file already says so."""
        with self._lock:
            with self._world.action():
                written = json.dumps(_state(self._world), default=_plain)
                self._seen = self._world.actions
            if written == self._written:  # most actions only read
                return
            try:
                write_private(self._file, written)
            except OSError as error:
                print(f"State not saved, to be tried again at the next change: {error}", flush=True)
            else:
                self._written = written

    def _take_over(self, text: str) -> None:
        state = json.loads(text)
        if state["format"] != _FORMAT:
            raise ValueError("another format")
        # All is read before anything is taken over.
        number = int(state["last_number"]) + _NUMBERS_LOST
        bookings = [_booking(self._world, row) for row in state["bookings"]]
        webhooks = [Webhook(**row | {"triggers": tuple(row["triggers"])}) for row in state["webhooks"]]
        with self._world.action():
            subscribed = {(each.subscriber_url, each.event_type_id) for each in self._world.webhooks.values()}
            new = [each for each in webhooks if (each.subscriber_url, each.event_type_id) not in subscribed]
            self._world.webhooks |= {each.id: each for each in new}
            self._world.bookings |= {each.uid: each for each in bookings}
            self._world.last_number = max(self._world.last_number, number)


def _state(world: World) -> Json:
    # The subscriber of the settings is made anew at each start, with the address and the secret of then.
    webhooks = [each for each in world.webhooks.values() if not each.from_settings]
    return {
        "format": _FORMAT,
        "last_number": world.last_number,
        "webhooks": webhooks,
        "bookings": list(world.bookings.values()),
    }


def _plain(value: Any) -> Any:
    """What JSON has no form for. Event types and hosts are in the catalogue, so their ids will do."""
    if isinstance(value, Booking):
        return vars(value) | {"event_type": value.event_type.id, "host": value.host.id}
    if isinstance(value, (Attendee, Webhook)):
        return vars(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return sorted(value)


def _booking(world: World, row: Json) -> Booking:
    event_type = world.event_types[row["event_type"]]
    moments = {name: datetime.fromisoformat(row[name]) for name in _MOMENTS}
    people = [Attendee(**person) for person in row["attendees"]]
    host = {host.id: host for host in event_type.hosts}[row["host"]]
    others: Json = {"event_type": event_type, "host": host, "attendees": people, "told": set(row["told"])}
    return Booking(**row | moments | others)
