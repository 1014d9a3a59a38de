"""The rules that keep the parts apart. Each is checked here, so that none needs to be remembered.

What each function's `requirements.txt` must hold is checked in `tests/deploy`.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from ops.stage import ROOT, functions, imports, shared_modules
from shared import settings
from tests import longest_first

MODULES = sorted(path.stem for path in (ROOT / "shared").glob("*.py") if path.stem != "__init__")
MAINS = [ROOT / "functions" / name / "main.py" for name in functions()]

# Take values and return values: no client, no clock, no environment, no file but their own templates.
PURE = {
    "booking",
    "calcom_body",
    "calcom_booking",
    "calcom_lives",
    "calcom_people",
    "calcom_values",
    "calcom_webhook",
    "calendar_entries",
    "calendar_links",
    "cancel_request",
    "csv_export",
    "delivery",
    "errors",
    "ical",
    "inbound_text",
    "keyed_hash",
    "letter",
    "local_time",
    "mail_receipts",
    "messages",
    "notification",
    "phone_number",
    "place",
    "receipt",
    "preferences_form",
    "preferences_page",
    "refusals",
    "request_fields",
    "text_message",
    "twilio_calls",
    "untrusted",
    "wording",
}
# Talk to someone, read the clock or the environment.
SHELL = {
    *("actions", "bulk", "calcom_api", "calcom_http", "calcom_pages", "cancelling", "database", "drift", "exporting"),
    *("http_client", "jwks", "letters", "link_mail", "log", "mail", "moving", "outbox", "phone_verification"),
    *("portal_pages", "preferences_by_link", "reconcile", "replaying", "rescheduling", "settings", "sms"),
    *("static_files", "sweeping", "texts_in_doubt"),
    *("tokens", "web"),
}

# Who may import what reaches outside, or costs much to import.
ONLY = {
    "supabase": {"database"},
    "postgrest": {"database"},
    "supabase_auth": set[str](),
    "storage3": set[str](),
    "realtime": set[str](),
    "resend": {"mail"},
    "icalendar": {"ical"},
    "jwt": {"tokens", "jwks"},
    "httpx": {"calcom_http", "database", "http_client", "jwks", "mail", "sms"},
    "flask": {"web"},
    "werkzeug": {"web"},
    "jinja2": {"messages", "preferences_page"},
    "babel": {"local_time"},
    "phonenumbers": {"phone_number"},
    "twilio": set[str](),
    "requests": set[str](),
    "logging": {"log"},
    "os": {"settings", "log", "http_client"},
    "threading": {"http_client", "jwks"},
}
CLIENTS = {
    *("httpx", "requests", "urllib3", "http", "socket", "smtplib", "subprocess", "psycopg"),
    *("supabase", "postgrest", "resend", "twilio", "flask", "werkzeug", "jwt"),
}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns", "getenv", "environ"}
LOTS = {"uuid1", "uuid4", "uuid7", "random", "choice", "token_hex", "urandom"}

# Heavy, and not needed before there is something to send. (Flask itself brings jinja2.)
LATE = {
    "supabase",
    "supabase_auth",
    "storage3",
    "realtime",
    "twilio",
    "resend",
    "requests",
    "urllib3",
    "icalendar",
    "babel",
    "phonenumbers",
    "jwt",
    "cryptography",
}


def test_every_module_is_either_pure_or_shell() -> None:
    assert set(MODULES) == PURE | SHELL
    assert not PURE & SHELL


@pytest.mark.parametrize("main", MAINS, ids=lambda main: main.parent.name)
def test_a_function_imports_shared_and_no_other_function(main: Path) -> None:
    assert roots(main) & {"functions", "local", "ops", "tests", *functions()} == set()
    assert roots(main) - set(sys.stdlib_module_names) <= {"shared", "pydantic"}


@pytest.mark.parametrize("name", MODULES)
def test_shared_knows_neither_the_functions_nor_the_tools(name: str) -> None:
    assert roots(module(name)) & {"functions", "local", "ops", "tests", "main"} == set()


@pytest.mark.parametrize("outside", ONLY)
def test_what_reaches_outside_has_one_owner(outside: str) -> None:
    owners = {name for name in MODULES if outside in roots(module(name))}
    assert owners <= ONLY[outside]
    assert not [main for main in MAINS if outside in roots(main)]


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_import_no_client_and_no_shell(name: str) -> None:
    assert roots(module(name)) & CLIENTS == set()
    shells = {found.removeprefix("shared.") for found in imports(module(name))} & SHELL
    assert shells == set()


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_read_no_clock_and_draw_no_lots(name: str) -> None:
    tree = ast.parse(module(name).read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert called & (CLOCKS | LOTS) == set()
    assert roots(module(name)) & {"time", "os", "random", "secrets"} == set()


@pytest.mark.parametrize("name", functions())
def test_a_function_imports_only_what_it_needs(name: str) -> None:
    """Its modules fit: who drains the outbox, or sends something of its own, can send; no other has to do with it."""
    needed = {found.removeprefix("shared.") for found in shared_modules(ROOT / "functions" / name / "main.py")}
    sends = "outbox" in needed or name == "preferences"
    assert ("mail" in needed, "sms" in needed, "messages" in needed) == (sends, sends, sends)
    assert ("calcom_webhook" in needed) == (name in ("webhook", "replay"))


def test_nothing_in_shared_is_left_over() -> None:
    used = {found for main in MAINS for found in shared_modules(main)}
    assert {f"shared.{name}" for name in MODULES} <= used


def test_functions_are_thin_and_modules_small() -> None:
    for main in MAINS:
        assert length(main) <= 60, main
    for name in MODULES:
        assert length(module(name)) <= 250, name


def test_a_function_folder_holds_what_is_deployed() -> None:
    for main in MAINS:
        beside = {path.name for path in main.parent.iterdir()} - {"__pycache__", "static"}
        assert beside == {"main.py", "requirements.txt", "deploy.yaml"}, main.parent
        defined = {node.name for node in ast.parse(main.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert main.parent.name in defined, "the entry point is called like the folder"


def test_no_module_is_called_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base", "core"}
    for path in ROOT.glob("*/**/*.py"):
        if not {part for part in path.relative_to(ROOT).parts if part.startswith((".", "node_modules", "build"))}:
            assert path.stem not in vague, path


@pytest.mark.parametrize("name", functions())
def test_importing_a_function_loads_nothing_that_can_wait(name: str) -> None:
    loaded = after_import(name, "import sys; print(*{one.split('.')[0] for one in sys.modules})")
    assert set(loaded.split()) & LATE == set()


@pytest.mark.parametrize("name", functions())
def test_importing_a_function_opens_no_connection(name: str) -> None:
    seen = after_import(name, "from shared import http_client; print(http_client._client)")
    assert seen.strip() == "None"


def after_import(name: str, code: str) -> str:
    """What `code` prints in a fresh process that has imported the function as it is deployed."""
    values = dict.fromkeys(settings.NAMES, "https://x.example.com") | {
        "RATE_LIMIT_ACTIONS": "5",
        "RESEND_WEBHOOK_SECRET": "whsec_eA==",
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import main; {code}"],
        cwd=ROOT / "functions" / name,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **values},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def module(name: str) -> Path:
    return ROOT / "shared" / f"{name}.py"


@cache
def roots(path: Path) -> frozenset[str]:
    """The first parts of all that a file imports when it runs, lazily or not (not what only a type checker reads)."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return frozenset(found)


def length(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_what_begins_first_is_there() -> None:
    assert [path for path in longest_first.LONG if not path.exists()] == []
