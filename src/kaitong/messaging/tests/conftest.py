"""A customer to tell something, and a real mail server that behaves as a test says."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaitong.messaging import services as messaging
from kaitong.messaging.services import NewNotice
from kaitong.party import services as parties

PHONE, MAIL = "13905590123", "wangmingyuan@example.com"


@dataclass
class Mailbox:
    """What the server got, and how it answers: by recipient, or to everybody."""

    got: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    answer: str = "250 OK"
    slow: float = 0.0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.slow:
            import asyncio

            await asyncio.sleep(self.slow)
        if self.answer.startswith("250"):
            self.got.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.answer

    def bodies(self) -> list[str]:
        return [mail.get_content().strip() for mail in self.got]


@pytest.fixture
def mailbox(monkeypatch):
    """A server on a free port, named in the environment; `mailbox.stop()` takes it away."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    monkeypatch.setenv("KAITONG_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("KAITONG_SMTP_PORT", str(box.port))
    monkeypatch.setenv("KAITONG_SMTP_TLS", "none")
    monkeypatch.setenv("KAITONG_MAIL_FROM", "notice@kaitong.example")
    stopped = []

    def stop() -> None:
        if not stopped:
            stopped.append(time.time())
            server.stop()

    box.stop = stop
    yield box
    stop()


@pytest.fixture
def guarded(monkeypatch, tmp_path):
    """A server that speaks to nobody without STARTTLS and a password, with its own certificate."""
    certificate, key = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def known(server, session, envelope, mechanism, data):
        right = data.login == b"kaitong" and data.password == b"s3cret"
        return AuthResult(success=right, handled=right)

    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    server = Controller(
        box, hostname="127.0.0.1", port=box.port, tls_context=context, require_starttls=True,
        authenticator=known, auth_required=True,
    )  # fmt: skip
    server.start()
    monkeypatch.setenv("KAITONG_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("KAITONG_SMTP_PORT", str(box.port))
    monkeypatch.setenv("KAITONG_MAIL_FROM", "notice@kaitong.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield box
    server.stop()


def _certificate(folder):
    """A certificate of 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret


@pytest.fixture
def outbox(monkeypatch, tmp_path):
    """Where the file channel writes, empty."""
    monkeypatch.setenv("KAITONG_HOME", str(tmp_path))
    from kaitong.core.crypto import forget_cached_keys

    forget_cached_keys()
    yield tmp_path / "outbox"
    forget_cached_keys()


@pytest.fixture
def teller(county, staff_of, outbox):
    """Queue a notice to one customer: `teller(by=["mail"], key="k")`."""
    actor = staff_of(county, "clerk", "clerk")
    party = parties.register(actor=actor, name="王明远", phone=PHONE)
    parties.keep_mail(actor=actor, party_id=party.id, email=MAIL)

    def make(**changes: object) -> int:
        given = {
            "key": "order-1:accepted",
            "kind": "accepted",
            "title": "受理通知",
            "title_en": "Order accepted",
            "to": "customer",
            "by": ["mail"],
            "text": "您办理的家庭宽带已受理。",
            "branch_id": county.id,
            "party_id": party.id,
            **changes,
        }
        return messaging.queue(actor=actor, notices=[NewNotice(**given)])

    make.actor, make.party = actor, party
    return make
