"""Stand-ins for the message providers: they accept what Resend and Twilio accept, and deliver to nobody.

`python -m local.providers.resend --port 4010` and `python -m local.providers.twilio --port 4011`.
Each keeps what it accepted in memory, shows it at `/inbox`, lists it at `/_sim/messages`, takes faults at
`/_sim/faults` and sends signed receipts at `/_sim/receipts`.
"""
