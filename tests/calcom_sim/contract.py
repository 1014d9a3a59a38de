"""Cal.com's published OpenAPI description as a judge of answers.

Its objects are read as closed: an answer with a field that the description does not know is wrong, and of several
alternatives (a booking, a recurring one, a seated one) exactly one fits. Where the description is known to be wrong
about Cal.com itself, `CORRECTIONS` says so.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Schema = dict[str, Any]

_WEBHOOK_TRIGGERS = {"type": "array", "items": {"type": "string"}}
_WEBHOOK: Schema = {
    "id": {"type": "string", "format": "uuid"},  # described as a number, really a UUID
    "payloadTemplate": {"type": ["string", "null"]},  # null when there is none
    "triggers": _WEBHOOK_TRIGGERS,  # the description knows 21 of the 28
    "version": {"type": "string"},  # newer than the description
}


def _field(kind: str) -> Schema:
    return {"type": {"const": kind}, "isDefault": {"type": "boolean"}}


CORRECTIONS: dict[str, Schema] = {
    "UserWebhookOutputDto": _WEBHOOK,
    "EventTypeWebhookOutputDto": _WEBHOOK,
    # The schema of what `data` holds has the name of the whole answer, so it asks for itself without end.
    "ReassignBookingOutput_2024_08_13": {
        "data": {
            "type": "object",
            "required": ["bookingUid", "reassignedTo"],
            "properties": {
                "bookingUid": {"type": "string"},
                "reassignedTo": {
                    "type": "object",
                    "required": ["id", "name", "email", "displayEmail"],
                    "properties": {
                        "id": {"type": "number"},
                        "name": {"type": "string"},
                        "email": {"type": "string"},
                        "displayEmail": {"type": "string"},
                    },
                },
            },
        }
    },
    # Described as objects, really the text "success" and numbers.
    "CalendarLinksOutput_2024_08_13": {"status": {"type": "string"}},
    "BookingReferencesOutput_2024_08_13": {"status": {"type": "string"}},
    "DestinationCalendar": {"id": {"type": "number"}},
    # Described with the name of a constant as the pattern, and a list as one of its own items.
    "ScheduleAvailabilityInput_2024_06_11": {
        "days": {"type": "array", "items": {"type": "string"}},
        "startTime": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"},
        "endTime": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"},
    },
    # Their types are described as any text, so that each fits all; `isDefault` as an object, its example is `true`.
    "NameDefaultFieldOutput_2024_06_14": _field("name"),
    "EmailDefaultFieldOutput_2024_06_14": _field("email") | {"required": {"type": "boolean"}},
    "NotesDefaultFieldOutput_2024_06_14": _field("textarea"),
    "TextFieldOutput_2024_06_14": _field("text"),
}
# The description forgets the envelope of this answer, which its own example has; `data` is as it says.
_SLOT = {
    "type": "object",
    "required": ["start"],
    "properties": {
        "start": {"type": "string"},
        "end": {"type": "string"},
        "bookingUid": {"type": "string"},
        "seatsBooked": {"type": "number"},
        "seatsRemaining": {"type": "number"},
        "seatsTotal": {"type": "number"},
    },
    "additionalProperties": False,
}
SLOTS: Schema = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {
        "status": {"const": "success"},
        "data": {"type": "object", "additionalProperties": {"type": "array", "items": _SLOT}},
    },
    "additionalProperties": False,
}


class Contract:
    """The description in one file. Raises AssertionError with every fault of a wrong answer."""

    def __init__(self, file: Path) -> None:
        self._paths: dict[str, dict[str, Any]] = json.loads(file.read_text())["paths"]
        self._registry = _registry(file)

    def check(self, method: str, path: str, status: int, body: Any) -> None:
        """Judge one good answer; `path` without query."""
        template = self._template(path)
        if template == "/v2/slots":
            schema = SLOTS
        else:
            responses = self._paths[template][method.lower()]["responses"]
            assert str(status) in responses, f"{method} {template} never answers {status}"
            schema = _closed(responses[str(status)]["content"]["application/json"]["schema"])
        faults = list(Draft202012Validator(schema, registry=self._registry).iter_errors(body))
        assert not faults, [f"{method} {template} {'/'.join(map(str, each.path))}: {each.message}" for each in faults]

    def _template(self, path: str) -> str:
        """The described path that `path` is an instance of; one without placeholders first."""
        for template in sorted(self._paths, key=lambda each: each.count("{")):
            if re.fullmatch(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template)), path):
                return template
        raise AssertionError(f"{path} is not described")


@cache
def _registry(file: Path) -> Registry[Any]:
    schemas: dict[str, Schema] = json.loads(file.read_text())["components"]["schemas"]
    for name, properties in CORRECTIONS.items():
        schemas[name]["properties"] |= properties
    document = {"components": {"schemas": {name: _closed(schema) for name, schema in schemas.items()}}}
    registry: Registry[Any] = Registry().with_resource("urn:calcom", DRAFT202012.create_resource(document))
    return registry


def _closed(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: references into the registry, `nullable` as a type, objects with fields closed."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items() if key not in ("example", "examples", "nullable")}
    if "$ref" in made:
        made["$ref"] = "urn:calcom" + made["$ref"]
    if made.get("type") == "object" and made.get("properties"):
        made.setdefault("additionalProperties", False)
    if "properties" in schema:  # its keys are names of fields, not words of the schema
        made["properties"] = {name: _closed(value) for name, value in schema["properties"].items()}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made
