"""The simulator as one thing: its settings, and the parts that its paths work on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.calcom_sim.delivery import Delivery
from local.calcom_sim.errors import not_found
from local.calcom_sim.faults import FaultBox, Faults
from local.calcom_sim.gate import Gate, RateLimit
from local.calcom_sim.state import Booking, Emission, Webhook, World
from local.calcom_sim.triggers import BOOKING_TRIGGERS
from local.providers.server import required

FLUSH_SECONDS = 30


@dataclass(frozen=True)
class Settings:
    """`webhook_url` is subscribed at start when there is one; `rate` is API calls a minute (Cal.com's own is 120).

    `state_file` is where the state outlives a restart; None keeps nothing.
    """

    base_url: str
    api_key: str
    webhook_secret: str
    webhook_url: str
    host_email: str
    rate: int
    state_file: Path | None = None

    @classmethod
    def from_env(cls, base_url: str, env: Mapping[str, str] = os.environ) -> Settings:
        """Raises MissingSettings, which names them."""
        api_key, secrets = required(env, "CALCOM_API_KEY", "CALCOM_WEBHOOK_SECRET")
        return cls(
            base_url=base_url,
            api_key=api_key,
            webhook_secret=secrets.split(",")[0].strip(),  # the first is the current one
            webhook_url=env.get("WEBHOOK_URL", ""),
            host_email=env.get("CALCOM_HOST_EMAIL", "host@example.com"),
            rate=int(env.get("CALCOM_RATE", "12000")),
            state_file=Path(env["STATE_FILE"]) if env.get("STATE_FILE") else None,
        )


class Simulator:
    """Everything that a running simulator has."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = FaultBox()
        self.world = World(settings.base_url, settings.host_email, self._publish)
        self.delivery = Delivery(self.faults, self.world.now)
        self.gate = Gate(settings.api_key, RateLimit(settings.rate), self.faults, self.world)
        self._subscribe()

    @contextmanager
    def action(self) -> Iterator[World]:
        """One change of the world; on leaving, its webhooks are queued, and awaited where the faults ask for that."""
        with self.world.action():
            yield self.world
            has_news = self.world.has_news
        if has_news and self.faults.faults.webhooks.before_answer:
            self.delivery.flush(FLUSH_SECONDS)

    def booking(self, uid: str) -> Booking:
        """Raises Refusal (404)."""
        booking = self.world.bookings.get(uid)
        if booking is None:
            raise not_found(uid)
        return booking

    def reset(self) -> None:
        """As it was at the start: no bookings, no faults, the one subscriber."""
        self.faults.set(Faults())
        with self.world.action():
            self.world.clear()
            self.delivery.forget()
            self.gate.clear()
            self._subscribe()
        self.delivery.flush(FLUSH_SECONDS)  # one may be under way

    def _publish(self, emissions: list[Emission]) -> None:
        self.delivery.publish(emissions, self.world.webhooks.values())

    def _subscribe(self) -> None:
        """The host's own webhook, and one at each team event type, of which the host's would not hear."""
        if not self.settings.webhook_url:
            return
        team_types = [event_type.id for event_type in self.world.event_types.values() if event_type.team]
        for event_type_id in (None, *team_types):
            webhook = Webhook(
                id=self.world.seat_uid(),
                subscriber_url=self.settings.webhook_url,
                triggers=BOOKING_TRIGGERS,
                secret=self.settings.webhook_secret,
                event_type_id=event_type_id,
                from_settings=True,
            )
            self.world.webhooks[webhook.id] = webhook
