"""A stateful stand-in for Cal.com: its booking pages, its API v2 and its signed webhooks, on one machine.

Cal.com's answers follow its published OpenAPI description; its webhook bodies follow what it is known to send. Nothing
is kept on disk: a restart begins with no bookings.
"""
