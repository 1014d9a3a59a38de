"""Trust in certificates: those of the system's directory, and no others."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared import http_client

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of this test")])


class Ok(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def server(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    serving = HTTPServer(("127.0.0.1", 0), Ok)
    serving.socket = context.wrap_socket(serving.socket, server_side=True)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's directory of certificates."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    http_client.close()
    yield tmp_path
    http_client.close()


def test_a_certificate_in_the_directory_is_believed(directory: Path, certificate: Path, server: str) -> None:
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(certificate)]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except OSError:
        pytest.skip("there is no openssl here to name a certificate with")
    (directory / f"{found}.0").write_bytes(certificate.read_bytes())
    assert isinstance(http_client.trusted(), ssl.SSLContext)
    assert http_client.shared().get(server).text == "ok"
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http_client.shared().get(server.replace("127.0.0.1", "localhost"))  # it is not made out to that name


def test_no_other_is(directory: Path, server: str) -> None:
    (directory / "00000000.0").write_text("")
    assert isinstance(http_client.trusted(), ssl.SSLContext)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http_client.shared().get(server)


def test_without_such_a_directory_httpx_brings_its_own(
    directory: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http_client.trusted() is True
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        http_client.shared().get(server)
    monkeypatch.setenv("SSL_CERT_DIR", str(directory / "nowhere"))
    assert http_client.trusted() is True


def test_a_named_bundle_comes_first(
    directory: Path, certificate: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "00000000.0").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert http_client.shared().get(server).text == "ok"
