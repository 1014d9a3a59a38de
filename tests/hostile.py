"""Bodies that nobody should have to read, each within a webhook's 1 MiB: what → bytes."""

from __future__ import annotations

MIB = 1024 * 1024

HOSTILE: dict[str, bytes] = {
    "deep": b'{"triggerEvent":"BOOKING_CREATED","payload":' + b'{"a":' * 150_000 + b"1" + b"}" * 150_001,
    "deep, but readable": b'{"triggerEvent":"BOOKING_CREATED","payload":' + b'{"a":' * 400 + b"1" + b"}" * 401,
    "deep lists": b"[" * MIB,
    "long integer": b'{"triggerEvent":"BOOKING_CREATED","payload":{"bookingId":' + b"7" * 1_000_000 + b"}}",
    "long fraction": b'{"triggerEvent":"BOOKING_CREATED","payload":{"bookingId":7.' + b"7" * 1_000_000 + b"}}",
    "many people": b'{"triggerEvent":"BOOKING_CREATED","payload":{"uid":"u","startTime":"2090-01-02T10:00:00Z",'
    + b'"attendees":['
    + b",".join(b'{"email":"a%d@b.example","timeZone":"Zone/N%d"}' % (i, i) for i in range(15_000))
    + b"]}}",
    "many fields": b'{"triggerEvent":"BOOKING_CREATED","payload":{"uid":"u","responses":{'
    + b",".join(b'"f%d":{"value":"v"}' % i for i in range(45_000))
    + b"}}}",
    "many URLs": b"http://" * (MIB // 7),
    "many passwords": b"password " * (MIB // 9),
    "blanks after a password": b"password" + b" " * (MIB - 8),
    "many backslashes": b'password":' + b"\\" * (MIB - 10),
    "one long address": b'{"triggerEvent":"BOOKING_CREATED","payload":{"uid":"u","attendees":[{"email":"'
    + b"a." * 500_000
    + b'"}]}}',
    "a million zeros": b'{"triggerEvent":"BOOKING_CREATED","payload":{"uid":"' + b"\\u0000" * 170_000 + b'"}}',
    "not UTF-8": b'{"triggerEvent":"BOOKING_CREATED","payload":{"uid":"' + b"\xff" * 1000 + b'"}}',
}
assert all(len(body) <= MIB for body in HOSTILE.values())
