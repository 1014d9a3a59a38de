"""A stateful stand-in for Cal.com: its booking pages, its API v2 and its signed webhooks, on one machine.

`python -m local.calcom_sim --port 4020`, with CALCOM_API_KEY and CALCOM_WEBHOOK_SECRET; WEBHOOK_URL is subscribed at
start, CALCOM_HOST_EMAIL holds the event types, CALCOM_RATE is the number of API calls a minute (Cal.com's own: 120),
STATE_FILE is where it keeps its bookings and webhooks from one run to the next; without it, a restart begins empty.
Pages begin at `/`, the API at `/v2`, what only tests and demo data do at `/_sim` (see `control`).

Answers follow Cal.com's published OpenAPI description; webhook bodies follow what it is known to send.
"""
