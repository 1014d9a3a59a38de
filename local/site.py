"""Where one local stack lives: its folder, its ports, its secrets. Two stacks differ in nothing else."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


class SetupError(Exception):
    """Something about this machine keeps the stack from running. The message is one clear line for a person."""


@dataclass(frozen=True)
class Ports:
    """Moved by `<NAME>_PORT`."""

    functions: int = 8080
    supabase: int = 54321
    postgres: int = 54322
    resend: int = 4010
    twilio: int = 4011
    calcom_sim: int = 4020


@dataclass(frozen=True)
class Site:
    """One stack. `throwaway`: for tests; no demo data, and a database that would not survive a power cut."""

    directory: Path
    ports: Ports
    scheduler_seconds: int = 60
    throwaway: bool = False

    @property
    def functions_url(self) -> str:
        return f"http://{HOST}:{self.ports.functions}"

    @property
    def supabase_url(self) -> str:
        return f"http://{HOST}:{self.ports.supabase}"

    @property
    def resend_url(self) -> str:
        return f"http://{HOST}:{self.ports.resend}"

    @property
    def twilio_url(self) -> str:
        return f"http://{HOST}:{self.ports.twilio}"

    @property
    def calcom_sim_url(self) -> str:
        return f"http://{HOST}:{self.ports.calcom_sim}"

    @property
    def calcom_sim_state(self) -> Path:
        """Where the Cal.com simulator keeps the bookings that our database knows."""
        return self.directory / "calcom.json"

    def postgres_url(self, role: str = "supabase_admin") -> str:
        """The database as `role`: `supabase_admin` (superuser), `postgres` (owns the schema) or `authenticator`."""
        return f"postgresql://{role}:{self.secret('postgres')}@{HOST}:{self.ports.postgres}/postgres"

    def secret(self, name: str) -> str:
        """One of the secrets of this stack. They are made up at the first need and kept as long as its data."""
        path = self.directory / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(_fresh_secrets(), indent=2) + "\n")
        value: str = json.loads(path.read_text())[name]
        return value


def site_from_environment(environ: Mapping[str, str], *, throwaway: bool = False) -> Site:
    """The stack that `LOCAL_DIR`, `<NAME>_PORT` and `SCHEDULER_SECONDS` describe. Raises SetupError."""
    ports = {name: _number(environ, f"{name.upper()}_PORT", port) for name, port in asdict(Ports()).items()}
    if len(set(ports.values())) < len(ports):
        raise SetupError("Two parts of the stack were given the same port: " + ", ".join(map(str, ports.values())))
    return Site(
        directory=(ROOT / Path(environ.get("LOCAL_DIR") or ".local").expanduser()).resolve(),
        ports=Ports(**ports),
        scheduler_seconds=_number(environ, "SCHEDULER_SECONDS", 60),
        throwaway=throwaway,
    )


def settings(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """Every setting of the functions, with the values of this stack.

    What is neither an address nor a secret may be changed by the environment.
    """
    values = {
        "SUPABASE_URL": site.supabase_url,
        "SUPABASE_PUBLISHABLE_KEY": site.secret("supabase_publishable_key"),
        "SUPABASE_SECRET_KEY": site.secret("supabase_secret_key"),
        "SUPABASE_JWT_SECRET": site.secret("supabase_jwt"),
        "CALCOM_API_URL": f"{site.calcom_sim_url}/v2",
        "CALCOM_API_KEY": site.secret("calcom_api_key"),
        "CALCOM_WEBHOOK_SECRET": site.secret("calcom_webhook"),
        "CALCOM_ORIGIN": site.calcom_sim_url,
        "RESEND_API_KEY": site.secret("resend_api_key"),
        "RESEND_API_URL": site.resend_url,
        "RESEND_WEBHOOK_SECRET": site.secret("resend_webhook"),
        "TWILIO_ACCOUNT_SID": site.secret("twilio_account_sid"),
        "TWILIO_AUTH_TOKEN": site.secret("twilio_auth_token"),
        "TWILIO_MESSAGING_SERVICE_SID": site.secret("twilio_messaging_service_sid"),
        "TWILIO_API_URL": site.twilio_url,
        "FUNCTIONS_URL": site.functions_url,
        "PORTAL_URL": f"{site.functions_url}/portal",
        "LINK_SECRET": site.secret("link"),
        "SCHEDULER_TOKEN": site.secret("scheduler_token"),
        "ALLOWED_ORIGINS": f"{site.functions_url},http://localhost:{site.ports.functions}",
    }
    free = {
        "CALCOM_LINK": "host/consultation",
        "RESEND_FROM_EMAIL": "bookings@example.com",
        "SCHEDULER_SERVICE_ACCOUNT": "scheduler@example.iam.gserviceaccount.com",
        "SUPPORT_CONTACT": "help@example.com",
        "RATE_LIMIT_ACTIONS": "5",
    }
    return values | {name: environ.get(name) or value for name, value in free.items()}


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, whatever the umask, so that the account of Postgres can pass."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir()
        missing.chmod(0o711)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    make_folder(path.parent)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _fresh_secrets() -> dict[str, str]:
    def key() -> str:
        return secrets.token_urlsafe(32)

    return {
        "postgres": secrets.token_hex(16),
        "supabase_publishable_key": f"sb_publishable_{secrets.token_hex(16)}",
        "supabase_secret_key": f"sb_secret_{secrets.token_hex(16)}",
        "supabase_jwt": key(),
        "calcom_api_key": f"cal_{secrets.token_hex(16)}",
        "calcom_webhook": key(),
        "resend_api_key": f"re_{secrets.token_hex(16)}",
        # Svix keys are written in base64 behind this prefix.
        "resend_webhook": "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
        "twilio_account_sid": f"AC{secrets.token_hex(16)}",
        "twilio_auth_token": secrets.token_hex(16),
        "twilio_messaging_service_sid": f"MG{secrets.token_hex(16)}",
        "link": key(),
        "scheduler_token": key(),
    }


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or int(text) > 65535:
        raise SetupError(f"{name} must be a number from 0 to 65535, not {text!r}")
    return int(text)
