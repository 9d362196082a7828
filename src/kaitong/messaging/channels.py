"""What serves a channel: a file of lines, or an SMTP server. Configured by the environment.

Until a gateway for short messages exists, ``sms`` is written to the file: who operates Kaitong
hands that file on, or reads there what would have been sent.

KAITONG_NOTICE_SMS, KAITONG_NOTICE_MAIL   file or smtp; mail goes by smtp where a host is named
KAITONG_SMTP_HOST, _PORT, _USER, _PASSWORD (or _PASSWORD_FILE), _TLS (starttls, tls, none)
KAITONG_MAIL_FROM                         the sender's address
"""

from __future__ import annotations

import fcntl
import json
import os
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.utils import timezone

from kaitong.core.clock import now
from kaitong.core.home import private_folder
from kaitong.messaging.choices import Channel, Trouble
from kaitong.messaging.errors import ChannelMisconfigured

FILE, SMTP = "file", "smtp"
TIMEOUT_SECONDS = 10.0  # of each answer of an SMTP server
KEPT_DAYS = 30  # files of the file channel; KAITONG_OUTBOX_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message as a channel gets it, in clear. Its repr shows nobody's data."""

    id: UUID
    message_id: str
    channel: str
    order: str
    address: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    language: str = "zh-hans"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message; without a trouble it was taken. `again`: worth another try."""

    id: UUID
    trouble: str = ""
    detail: str = ""
    again: bool = False


class Carrier(Protocol):
    """Sends messages in order; each batch of outcomes is recorded before the next is sent."""

    def send(self, messages: Sequence[Outgoing]) -> Iterator[list[Outcome]]: ...


def served_by(channel: str, environment: Mapping[str, str] | None = None) -> str:
    """What serves a channel here."""
    env = os.environ if environment is None else environment
    if channel == Channel.FILE:
        return FILE
    asked = env.get(f"KAITONG_NOTICE_{channel.upper()}", "").strip().lower()
    if asked in (FILE, SMTP):
        return asked
    return SMTP if channel == Channel.MAIL and env.get("KAITONG_SMTP_HOST") else FILE


def carrier(name: str) -> Carrier:
    return FileCarrier() if name == FILE else SmtpCarrier.from_environment()


# ---- file ----------------------------------------------------------------------------------------


class FileCarrier:
    """Lines of JSON in ``KAITONG_HOME/outbox``, a file a day, readable by its owner only.

    A batch is one append under a lock, on the disk before it counts as sent; one that does not fit
    is taken back whole, so that no line is ever torn.
    """

    def send(self, messages: Sequence[Outgoing]) -> Iterator[list[Outcome]]:
        moment = now()
        lines = "".join(self._line(message, moment) for message in messages).encode()
        try:
            self._append(self.path(moment), lines)
        except OSError as error:
            detail = error.strerror or type(error).__name__
            yield [Outcome(m.id, Trouble.UNREACHABLE, detail, again=True) for m in messages]
            return
        yield [Outcome(m.id) for m in messages]

    @staticmethod
    def path(moment: datetime) -> Path:
        return private_folder("outbox") / f"notices-{timezone.localtime(moment):%Y-%m-%d}.jsonl"

    @staticmethod
    def _line(message: Outgoing, moment: datetime) -> str:
        facts = {
            "id": message.message_id,
            "at": moment.isoformat(),
            "channel": message.channel,
            "to": message.address,
            "subject": message.subject,
            "text": message.text,
            "language": message.language,
            "order": message.order,
        }
        return json.dumps(facts, ensure_ascii=False) + "\n"

    @staticmethod
    def _append(path: Path, data: bytes) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = os.fstat(handle).st_size
            try:
                if os.write(handle, data) != len(data):
                    raise OSError(28, "No space left on device")
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)


def drop_old_files() -> int:
    """Files of the file channel past their days go; how many went."""
    days = int(os.environ.get("KAITONG_OUTBOX_DAYS") or KEPT_DAYS)
    oldest = FileCarrier.path(now() - timedelta(days=days)).name
    gone = 0
    for path in private_folder("outbox").glob("notices-*.jsonl"):
        if path.name < oldest:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


# ---- SMTP ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SmtpCarrier:
    """A mail server. One connection a batch; every message is recorded before the next goes."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = "starttls"
    timeout: float = TIMEOUT_SECONDS

    @classmethod
    def from_environment(cls) -> SmtpCarrier:
        env = os.environ
        host, sender = env.get("KAITONG_SMTP_HOST", ""), env.get("KAITONG_MAIL_FROM", "")
        if not host or not sender:
            raise ChannelMisconfigured(
                "There is no mail server or no sender.",
                "Set KAITONG_SMTP_HOST and KAITONG_MAIL_FROM.",
            )
        tls = env.get("KAITONG_SMTP_TLS", "starttls").strip().lower()
        if tls not in ("starttls", "tls", "none"):
            raise ChannelMisconfigured(
                f"KAITONG_SMTP_TLS is {tls!r}.", "Use starttls, tls or none."
            )
        password = env.get("KAITONG_SMTP_PASSWORD", "")
        if env.get("KAITONG_SMTP_PASSWORD_FILE"):
            try:
                password = Path(env["KAITONG_SMTP_PASSWORD_FILE"]).read_text().strip()
            except OSError as error:
                raise ChannelMisconfigured(
                    f"The password file cannot be read: {error.strerror}.",
                    "Correct KAITONG_SMTP_PASSWORD_FILE.",
                ) from None
        try:
            port = int(env.get("KAITONG_SMTP_PORT") or {"tls": 465, "none": 25}.get(tls, 587))
        except ValueError:
            raise ChannelMisconfigured("KAITONG_SMTP_PORT is no number.", "Correct it.") from None
        user = env.get("KAITONG_SMTP_USER", "")
        if user and tls == "none" and host not in ("127.0.0.1", "::1", "localhost"):
            raise ChannelMisconfigured(
                "A password would go over the network in clear.",
                "Set KAITONG_SMTP_TLS to starttls or tls.",
            )
        timeout = float(env.get("KAITONG_SMTP_TIMEOUT") or TIMEOUT_SECONDS)
        return cls(host, port, sender, user, password, tls, timeout)

    def send(self, messages: Sequence[Outgoing]) -> Iterator[list[Outcome]]:
        server: smtplib.SMTP | None = None
        waiting = list(messages)
        try:
            while waiting:
                try:
                    server = server or self._connect()
                except (OSError, smtplib.SMTPException) as error:
                    yield [_unreachable(m, error) for m in waiting]
                    return
                message = waiting.pop(0)
                outcome, alive = self._one(server, message)
                yield [outcome]
                if not alive:
                    server = None
                    if outcome.trouble == Trouble.UNREACHABLE:  # the others would only wait too
                        yield [
                            Outcome(m.id, outcome.trouble, outcome.detail, True) for m in waiting
                        ]
                        return
        finally:
            if server is not None:
                try:
                    server.quit()
                except (OSError, smtplib.SMTPException):
                    server.close()

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _one(self, server: smtplib.SMTP, message: Outgoing) -> tuple[Outcome, bool]:
        """The outcome of one message, and whether the connection can be used on."""
        try:
            mail = self._mail(message)
        except Exception:
            return Outcome(message.id, Trouble.RECIPIENT, "not a mail address"), True
        try:
            server.send_message(mail, from_addr=self.sender, to_addrs=[message.address])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return _answered(message, code, said, Trouble.RECIPIENT), True
        except smtplib.SMTPNotSupportedError as error:
            return Outcome(message.id, Trouble.RECIPIENT, str(error)[:200]), True
        except smtplib.SMTPServerDisconnected as error:
            return _unreachable(message, error), False
        except smtplib.SMTPResponseException as error:
            return _answered(message, error.smtp_code, error.smtp_error, Trouble.REFUSED), True
        except (OSError, smtplib.SMTPException) as error:
            server.close()
            return _unreachable(message, error), False
        return Outcome(message.id), True

    def _mail(self, message: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = Address(addr_spec=message.address)
        mail["Subject"] = " ".join(message.subject.split())
        mail["Date"] = format_datetime(now())
        mail["Message-ID"] = message.message_id
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = message.language
        mail.set_content(message.text)
        return mail


def _answered(message: Outgoing, code: int, said: bytes | str, permanent: Trouble) -> Outcome:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    detail = f"{code} {_without(words, message)}"[:300]
    if 500 <= code < 600:
        return Outcome(message.id, permanent, detail)
    return Outcome(message.id, Trouble.BUSY, detail, again=True)


def _unreachable(message: Outgoing, error: Exception) -> Outcome:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome(message.id, Trouble.CONFIGURATION, f"{error.smtp_code} login", again=True)
    what = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return Outcome(
        message.id,
        Trouble.UNREACHABLE,
        _without(what or type(error).__name__, message)[:300],
        again=True,
    )


def _without(words: str, message: Outgoing) -> str:
    """A server's words without the address it repeats."""
    return words.replace(message.address, "…") if message.address else words
