"""A history of sending, and what must hold of it: pure functions over what was observed.

Every action has a place in one order where it `began` and one where it `ended`; actions overlap where two were at work
at once. What is not certain in an overlap is never held against anybody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FINAL = ("skipped", "unknown", "failed", "sent", "delivered", "bounced", "complained")
ACCEPTED = ("sent", "delivered", "bounced", "complained")
# Messages move forward by this; what was refused or skipped may be planned again, what may have left may not.
RANKS = {"planned": 0, "sending": 0} | {status: rank for rank, status in enumerate(FINAL, 1)}
BATCHES = "reminders/"  # how the keys of batches begin
TRIES = 8  # a change message that is in doubt for so long stays in doubt


@dataclass(frozen=True, kw_only=True)
class Action:
    began: int
    ended: int
    by: str


@dataclass(frozen=True, kw_only=True)
class Claim(Action):
    """`keys`: message → key, of those handed out. `repeated`: the keys whose bytes an earlier holder had kept."""

    keys: Mapping[str, str]
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Post(Action):
    """One call of a provider. `accepted`: the messages that it took then and will send; not those that it had already.

    `answer`: what the sender was told: it is `no` if nothing was taken for certain, `yes`, or in `doubt`.
    """

    channel: Literal["email", "sms"]
    key: str | None  # a text has none
    body: str
    messages: Sequence[str]
    accepted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    answer: Literal["yes", "no", "doubt"] = "yes"


@dataclass(frozen=True, kw_only=True)
class Change(Action):
    """A booking was cancelled, or moved to `starts_at`."""

    booking: str
    starts_at: str | None


@dataclass(frozen=True, kw_only=True)
class Silence(Action):
    """A person turned reminders off, or (`all_mail`) their address must not be written to any more."""

    person: str
    all_mail: bool


@dataclass(frozen=True, kw_only=True)
class Note(Action):
    """For the reader: a kill, a lapse of leases, a receipt."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """A row of `notifications` at the end; `path`: every state it was in. `starts_at`: of the meeting that it tells."""

    id: str
    booking: str
    person: str
    channel: Literal["email", "sms"]
    kind: str
    starts_at: str
    path: Sequence[str]
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class History:
    """`starts`: when each booking began at first. `actions`: in the order in which they ended."""

    starts: Mapping[str, str]
    messages: Sequence[Message]
    actions: Sequence[Action] = field(default=())


@dataclass(frozen=True)
class Violation:
    rule: str
    concerns: frozenset[str]  # messages, keys

    def __str__(self) -> str:
        return f"{self.rule}: {', '.join(sorted(self.concerns))}"


def violations(history: History) -> list[Violation]:
    """What of this must not have happened; empty: all is well."""
    rules = (_twice, _never, _too_late, _other_bytes, _states, _last_words)
    return [violation for rule in rules for violation in rule(history)]


def about(history: History, violation: Violation) -> str:
    """What happened to the messages that a violation concerns, a line each."""
    messages = {m.id: m for m in history.messages if m.id in violation.concerns}
    bookings = {m.booking for m in messages.values()}
    people = {m.person for m in messages.values()}
    lines = []
    for action in history.actions:
        match action:
            case Claim(keys=keys):
                told = ", ".join(
                    f"{one} under {key}{' again' if key in action.repeated else ''}"
                    for one, key in keys.items()
                    if one in messages or key in violation.concerns
                )
            case Post(key=key):
                mine = [one for one in action.messages if one in messages]
                took = [one for one in mine if one in action.accepted]
                told = f"{action.channel} {mine} under {key}, body {action.body[:8]}: {action.answer}, took {took}"
                told = told if mine or key in violation.concerns else ""
            case Change(booking=booking):
                told = f"{booking} → {action.starts_at or 'cancelled'}" if booking in bookings else ""
            case Silence(person=person):
                told = f"{person} silent" if person in people else ""
            case Note(text=text):
                told = text if text in ("killed", "leases run out") or any(one in text for one in messages) else ""
            case _:
                told = ""
        if told:
            lines.append(f"{action.began:5}–{action.ended:<5} {action.by:10} {type(action).__name__:8} {told}")
    lines += [
        f"  {m.id}: {m.kind} by {m.channel} of {m.booking} at {m.starts_at} to {m.person}: "
        f"{' → '.join(m.path)} ({m.reason})"
        for m in messages.values()
    ]
    return "\n".join([str(violation), *lines])


def _twice(history: History) -> Iterator[Violation]:
    taken = Counter(one for post in _posts(history) for one in post.accepted)
    for message, times in taken.items():
        if times > 1:
            yield Violation("accepted more than once", frozenset({message}))


def _never(history: History) -> Iterator[Violation]:
    """What came due while its booking lived as it was, to somebody who wanted it, has left."""
    posts = _by_message(history)
    cancelled, now = _final_state(history)
    silent = {action.person for action in history.actions if isinstance(action, Silence)}
    silent |= {m.person for m in history.messages if any(m.id in post.refused for post in posts[m.id])}
    for m in history.messages:
        if m.booking in cancelled or m.person in silent or m.starts_at != now[m.booking] or m.path[0] == "skipped":
            continue
        if m.kind != "reminder" and any(c.booking == m.booking for c in _changes(history)):
            continue  # `_last_words` says more
        mine = posts[m.id]
        in_doubt = m.channel == "sms" and m.path[-1] == "unknown" and _in_doubt(history, m, mine)
        if not in_doubt and not any(m.id in post.accepted for post in mine):
            yield Violation("due and never accepted", frozenset({m.id}))


def _too_late(history: History) -> Iterator[Violation]:
    """Nothing is accepted that was first claimed with these bytes when it was no more true, or no more wanted."""
    messages = {m.id: m for m in history.messages}
    for post in _posts(history):
        for one in post.accepted:
            m = messages[one]
            claimed = _bytes_claimed_at(history, post, one)
            if claimed is None:
                yield Violation("posted without a claim", frozenset({one}))
                continue
            known = [c for c in _changes(history) if c.booking == m.booking and c.ended < claimed.began]
            pending = any(
                c.booking == m.booking and c.began < claimed.ended and c not in known for c in _changes(history)
            )
            if any(c.starts_at is None for c in known) and m.kind != "cancelled":
                yield Violation("of a cancelled booking", frozenset({one}))
            starts_at = known[-1].starts_at if known else history.starts[m.booking]
            if m.kind != "cancelled" and not pending and starts_at and m.starts_at != starts_at:
                yield Violation("of a time before the move", frozenset({one}))
            if any(
                s.person == m.person and s.ended < claimed.began and (m.kind == "reminder" or s.all_mail)
                for s in history.actions
                if isinstance(s, Silence)
            ):
                yield Violation("to somebody who must not be written to", frozenset({one}))


def _other_bytes(history: History) -> Iterator[Violation]:
    """Under one key the same bytes, unless every post before was refused for certain; a batch has them for good."""
    by_key: dict[str, list[Post]] = defaultdict(list)
    for post in _posts(history):
        if post.key is not None:
            by_key[post.key].append(post)
    for key, posts in by_key.items():
        for number, post in enumerate(posts):
            binding = [p for p in posts[:number] if p.answer != "no" or key.startswith(BATCHES) or p.ended > post.began]
            if any(p.body != post.body for p in binding):
                yield Violation("other bytes under one key", frozenset({key, *post.messages}))


def _states(history: History) -> Iterator[Violation]:
    """One final state each, reached by steps forward, that agrees with what the providers saw."""
    posts = _by_message(history)
    for m in history.messages:
        mine, final = posts[m.id], m.path[-1]
        accepted = any(m.id in post.accepted for post in mine)
        for before, after in zip(m.path, m.path[1:], strict=False):
            again = before == "skipped" and after == "planned" and m.kind == "reminder"
            if RANKS[after] < RANKS[before] and not again:
                yield Violation(f"from {before} back to {after}", frozenset({m.id}))
        if final not in FINAL:
            yield Violation("without an end", frozenset({m.id}))
        elif accepted != (final in ACCEPTED) and not (final == "unknown" and m.channel == "sms"):
            yield Violation(f"{final}, though {'' if accepted else 'not '}accepted", frozenset({m.id}))
        elif final == "failed" and not any(m.id in post.refused for post in mine):
            yield Violation("failed without a refusal", frozenset({m.id}))
        elif final == "unknown" and not _in_doubt(history, m, mine):
            yield Violation("unknown without a doubt", frozenset({m.id}))


def _last_words(history: History) -> Iterator[Violation]:
    """Who got mail about a booking that changed was told at last what is true."""
    cancelled, now = _final_state(history)
    changed = {c.booking for c in _changes(history)}
    silent = {s.person for s in history.actions if isinstance(s, Silence) and s.all_mail}
    posts = _by_message(history)
    messages = {m.id: m for m in history.messages if m.kind != "reminder" and m.channel == "email"}
    unreachable = {m.person for m in history.messages if any(m.id in p.refused for p in posts[m.id])}
    last: dict[tuple[str, str], Message] = {}
    for post in _posts(history):
        for one in post.accepted & messages.keys():
            last[messages[one].booking, messages[one].person] = messages[one]
    for (booking, person), m in last.items():
        if booking in changed and person not in silent | unreachable:
            told = None if m.kind == "cancelled" else m.starts_at
            if told != (None if booking in cancelled else now[booking]):
                yield Violation("the last word is not true", frozenset({m.id}))


def _in_doubt(history: History, m: Message, posts: Sequence[Post]) -> bool:
    """A text whose post was not answered, or whose holder may have posted it; a mail after so many tries."""
    unclear = [post for post in posts if post.answer != "no"]
    if m.channel == "sms":
        return bool(unclear) or any(
            isinstance(a, Claim) and m.id in a.keys and a.keys[m.id] in a.repeated for a in history.actions
        )
    return len(unclear) >= TRIES


def _bytes_claimed_at(history: History, post: Post, message: str) -> Claim | None:
    """The claim by which the bytes of this post were written: the sender's own, or that of the holder who kept them."""
    claims = [a for a in history.actions if isinstance(a, Claim) and message in a.keys and a.began < post.began]
    if post.key is not None:
        claims = [claim for claim in claims if claim.keys[message] == post.key]
    own = [claim for claim in claims if claim.by == post.by]
    if not own:
        return None
    if own[-1].keys[message] not in own[-1].repeated:
        return own[-1]
    fresh = [c for c in claims if c.keys[message] not in c.repeated and c.began < own[-1].began]
    return fresh[-1] if fresh else None


def _final_state(history: History) -> tuple[set[str], dict[str, str]]:
    """The bookings that were cancelled, and when each begins at the end. Changes of one booking never overlap."""
    now = dict(history.starts)
    now |= {c.booking: c.starts_at for c in _changes(history) if c.starts_at is not None}
    return {c.booking for c in _changes(history) if c.starts_at is None}, now


def _changes(history: History) -> list[Change]:
    return [action for action in history.actions if isinstance(action, Change)]


def _posts(history: History) -> list[Post]:
    return [action for action in history.actions if isinstance(action, Post)]


def _by_message(history: History) -> dict[str, list[Post]]:
    found: dict[str, list[Post]] = defaultdict(list)
    for post in _posts(history):
        for one in post.messages:
            found[one].append(post)
    return found
