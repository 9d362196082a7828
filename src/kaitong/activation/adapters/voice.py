"""Fixed voice at a SIP registrar with Kamailio's tables: numbers are written there, and proven by
registering.

`connection` of the network element:

    host, port                          where REGISTER requests go (UDP)
    domain                              its SIP domain, which is the realm of passwords too
    database: {host, port, name, user}  its database
    country_code, area_code             for what else is dialled for a number
    barred_phrases: {reason: phrase}    what it answers, with 403, to a number that is shut off

Secrets: `database` (password of the role).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from kaitong.activation.adapters import subscribers
from kaitong.activation.adapters.aaadb import aaa_database
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
    Subject,
)
from kaitong.activation.adapters.holding import Holding
from kaitong.activation.adapters.registrations import (
    BINDINGS,
    FETCH,
    HELD,
    LIVE,
    Registration,
    registration_of,
)
from kaitong.activation.adapters.sip import PROBE_AGENT, Answer, Binding, SipClient
from kaitong.activation.adapters.sqltext import Statement, transaction_text
from kaitong.activation.adapters.subscribers import Held, Plan
from kaitong.activation.errors import ElementProblem, Unreachable

LARGEST = 1000  # numbers in one transaction: each holds a lock there until its end
_RENAMED_AT_MOST = 5
_LOCK = (
    "SELECT count(pg_advisory_xact_lock(hashtextextended(what, 0)))"
    " FROM (SELECT what FROM unnest(%s::text[]) what ORDER BY what) sorted"
)


class VoiceAdapter(Adapter):
    """The registrar of fixed telephones."""

    def __init__(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.connection = connection
        self._secrets = secrets
        self.plan = Plan(
            domain=str(connection.get("domain") or ""),
            country_code=str(connection.get("country_code") or ""),
            area_code=str(connection.get("area_code") or ""),
        )

    # ---- apply and read --------------------------------------------------------------------------

    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        """A number, its barring, aliases and registrations, in one transaction.

        When it got another name meanwhile, the lock is taken anew under that.
        """
        self._check()
        with self._database() as database:
            for _ in range(_RENAMED_AT_MOST):
                with database.transaction():
                    self._lock(database, [account])
                    change = desired()
                    subscribers.check(change)
                    if change.account == account:
                        todo = self._todo(database, [change])
                        return self._write(database, todo, talk, dry_run=dry_run)
                account = change.account
        raise ElementProblem("账号在下发时一再改变。", "稍后重试。", field="number")

    def bring_many(
        self, names: Sequence[str], desired: Callable[[], Sequence[AccountChange]],
        talk: Conversation,
    ) -> Outcome:  # fmt: skip
        """Many numbers in one transaction, what is desired asked while all are locked here."""
        if len(names) > LARGEST:
            raise ElementProblem(f"一批最多 {LARGEST} 个账号。", "分批下发。")
        self._check()
        talk.sent(f"-- {self._where()}\n-- {len(names)} numbers in one transaction")
        with self._database() as database, database.transaction():
            self._lock(database, names)
            changes = desired()
            for change in changes:
                subscribers.check(change)
            todo = self._todo(database, changes)
            grouped: dict[str, list[tuple[Any, ...]]] = {}
            for statement in todo:
                grouped.setdefault(statement.sql, []).append(statement.values())
            # what frees a name comes before what takes it
            with database.cursor() as cursor:
                for text in sorted(grouped, key=lambda text: not text.startswith("DELETE")):
                    cursor.executemany(text.encode(), grouped[text])
        talk.got(f"{len(todo)} statements, committed" if todo else "stands already")
        return Outcome(len(todo))

    def read(self, account: str, talk: Conversation) -> Reading:
        talk.sent(f"-- {self._where()}\n-- rows of number {account}")
        with self._database() as database:
            held = self._held(database, [account], [])[account]
        found = subscribers.reading(held)
        talk.got(f"state {found.state}, {held.bindings} registrations")
        return found

    def held(self, salt: str, numbers: Sequence[str] | None = None) -> Iterator[Holding]:
        """What the platform holds of all numbers (or of some), in byte order; a number's HA1 stays
        there, it answers with its salted digest. `groups` are the reasons of its barring."""
        only = "" if numbers is None else " AND username = ANY(%(numbers)s)"
        values = {"salt": salt, "domain": self.plan.domain, "barred": subscribers.BARRED,
                  "numbers": list(numbers or ())}  # fmt: skip
        with self._database() as database, database.transaction():
            database.execute("SET LOCAL statement_timeout = '300s'")
            database.execute("SET LOCAL idle_in_transaction_session_timeout = '300s'")
            with database.cursor(name="reconcile") as cursor:
                cursor.itersize = FETCH
                cursor.execute(HELD.replace("{only}", only).encode(), values)
                for number, digests, reasons in cursor:
                    yield Holding(number, tuple(digests), tuple(reasons))

    # ---- who is registered -----------------------------------------------------------------------

    def live(self, talk: Conversation) -> Mapping[str, int]:
        with self._database() as database:
            row = database.execute(LIVE, [self.plan.domain, PROBE_AGENT]).fetchone()
        return {"registered": int(row[0])} if row else {}

    def registrations(self, number: str, talk: Conversation) -> list[Registration]:
        """The number's terminals, the last heard first; the platform's own questions are none."""
        statement = Statement(BINDINGS, (number, self.plan.domain, PROBE_AGENT))
        talk.sent(f"-- {self._where()}\n{statement}")
        with self._database() as database:
            rows = database.execute(statement.sql, statement.values()).fetchall()
        found = [registration_of(row) for row in rows]
        talk.got("\n".join(f"{r.user_agent} at {r.place}" for r in found) or "no registration")
        return found

    # ---- prove -----------------------------------------------------------------------------------

    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        match kind:
            case ProofKind.LINE:
                return self._prove_line(subject, talk)
            case ProofKind.REMOVED:
                return self._prove_removed(subject, talk)
            case ProofKind.SUSPENDED:
                return self._prove_suspended(subject, talk)
            case _:
                return self._prove_login(subject, kind, talk)

    def _prove_login(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        """Its password registers, and is taken back again; the one before, else a wrong one, is
        refused: that guards against a registrar that lets anybody in."""
        right = self._login(subject.account, subject.password, talk)
        facts = _facts(subject, right)
        if not right.accepted:
            return Proof(kind, ProofResult.REFUSED, facts | {"message": right.reason})
        changed = bool(subject.former_password) and subject.former_password != subject.password
        other = subject.former_password if changed else f"wrong-{random.token_urlsafe(9)}"
        note = "the password before" if changed else "a wrong password on purpose"
        wrong = self._login(subject.account, other, talk, note)
        facts |= {
            "wrong_password_answer": wrong.text,
            "wrong_took_ms": round(wrong.took_ms, 1),
            "old_password_known": changed,
        }
        if wrong.wrong_password:
            return Proof(kind, ProofResult.PROVEN, facts)
        result = ProofResult.OLD_PASSWORD if changed else ProofResult.OPEN_DOOR
        return Proof(kind, result, facts)

    def _prove_suspended(self, subject: Subject, talk: Conversation) -> Proof:
        """403 in the words of the reason, to the right password; and nobody is registered."""
        answer = self._login(subject.account, subject.password, talk)
        facts = _facts(subject, answer) | {
            "message": answer.reason,
            "barred_for": subject.barred_for,
        }
        if answer.accepted:
            return Proof(ProofKind.SUSPENDED, ProofResult.STILL_OPEN, facts)
        phrases = self.connection.get("barred_phrases") or {}
        expected = str(phrases.get(subject.barred_for or subscribers.ANY_REASON) or "Suspended")
        if answer.code != 403 or answer.reason != expected:
            facts["expected_message"] = expected
            return Proof(ProofKind.SUSPENDED, ProofResult.OTHER_REASON, facts)
        if self.registrations(subject.account, talk):  # came in while it was being shut off
            return Proof(ProofKind.SUSPENDED, ProofResult.ROWS_LEFT, facts)
        return Proof(ProofKind.SUSPENDED, ProofResult.PROVEN, facts)

    def _prove_removed(self, subject: Subject, talk: Conversation) -> Proof:
        """The registrar knows no such number, and no row is left of it."""
        answer = self._login(subject.account, subject.password, talk)
        facts = _facts(subject, answer)
        if answer.accepted:
            return Proof(ProofKind.REMOVED, ProofResult.STILL_OPEN, facts)
        left = self.read(subject.account, talk).state is not AccountState.ABSENT
        result = ProofResult.PROVEN if answer.unknown and not left else ProofResult.ROWS_LEFT
        return Proof(ProofKind.REMOVED, result, facts)

    def _prove_line(self, subject: Subject, talk: Conversation) -> Proof:
        """The subscriber's own terminal is registered, and has been heard since the number was
        given to this line."""
        facts: dict[str, Any] = {"account": subject.account, "expected": {}}
        found = self.registrations(subject.account, talk)
        fresh = [r for r in found if subject.since is None or r.is_since(subject.since)]
        if not fresh:
            if found:
                facts["heard_before"] = found[0].heard_at.isoformat()
            return Proof(ProofKind.LINE, ProofResult.NOT_SEEN, facts)
        terminal = fresh[0]
        facts["seen"] = {
            "address": terminal.place,
            "user_agent": terminal.user_agent,
            "registered_at": terminal.registered_at.isoformat(),
            "heard_at": terminal.heard_at.isoformat(),
        }
        facts["terminals"] = len(fresh)
        return Proof(ProofKind.LINE, ProofResult.PROVEN, facts)

    def _login(self, number: str, password: str, talk: Conversation, note: str = "") -> Answer:
        """Register as a telephone would; what is accepted is taken back at once."""
        client, binding = self._client(), Binding()
        talk.sent(client.describe(number, _PROBE_SECONDS) + (f"\n  # {note}" if note else ""))
        answer = client.register(number, password, binding, expires=_PROBE_SECONDS)
        talk.got(str(answer))
        if answer.code >= 500:  # its database is away, or it is too busy: that is no refusal
            raise Unreachable(
                f"固话平台 {client.host}:{client.port} 暂时不能受理（{answer.text}）。",
                "系统会自动重试。",
            )
        if answer.accepted:
            talk.sent(client.describe(number, 0))
            talk.got(str(client.register(number, password, binding, expires=0)))
        return answer

    # ---- inside ----------------------------------------------------------------------------------

    def _todo(
        self, database: psycopg.Connection[Any], changes: Sequence[AccountChange]
    ) -> list[Statement]:
        """Inside the transaction that holds the numbers' locks."""
        former = [name for change in changes for name in change.former]
        self._lock(database, former)
        gone = [AccountChange(account=name, state=AccountState.ABSENT) for name in former]
        whole = [*gone, *changes]
        wanted = [alias for change in whole for alias in self.plan.aliases(change.account)]
        held = self._held(database, [change.account for change in whole], wanted)
        return [
            statement
            for change in whole
            for statement in subscribers.statements(change, held[change.account], self.plan)
        ]

    def _write(
        self, database: psycopg.Connection[Any], todo: Sequence[Statement], talk: Conversation,
        *, dry_run: bool,
    ) -> Outcome:  # fmt: skip
        text = transaction_text(todo) if todo else "-- nothing to change"
        talk.sent(f"-- {self._where()}\n{text}")
        if dry_run:
            return Outcome(len(todo), dry_run=True, request=text)
        for statement in todo:
            database.execute(statement.sql, statement.values())
        talk.got(f"{len(todo)} statements, committed" if todo else "stands already")
        return Outcome(len(todo), request=text)

    def _held(
        self, database: psycopg.Connection[Any], numbers: Sequence[str], wanted: Sequence[str]
    ) -> dict[str, Held]:
        def rows(query: str, *more: Any) -> dict[str, list[tuple[Any, ...]]]:
            found: dict[str, list[tuple[Any, ...]]] = {}
            for first, *rest in database.execute(
                query.encode(), [list(numbers), self.plan.domain, *more]
            ):
                found.setdefault(first, []).append(tuple(rest))
            return found

        secrets = rows(
            "SELECT username, ha1, password FROM subscriber"
            " WHERE username = ANY(%s) AND domain = %s"
        )
        barred = rows(
            "SELECT username, value FROM usr_preferences WHERE username = ANY(%s)"
            " AND domain = %s AND attribute = %s ORDER BY id",
            subscribers.BARRED,
        )
        bound = rows(
            "SELECT username, count(*) FROM location WHERE username = ANY(%s) AND domain = %s"
            " GROUP BY username"
        )
        aliases = database.execute(
            "SELECT alias_username, username FROM dbaliases WHERE alias_domain = %s"
            " AND (username = ANY(%s) OR alias_username = ANY(%s)) ORDER BY id",
            [self.plan.domain, list(numbers), list(wanted)],
        ).fetchall()
        return {
            number: subscribers.of_rows(
                number,
                secrets.get(number, []),
                barred.get(number, []),
                [row for row in aliases if row[1] == number or row[0] in self.plan.aliases(number)],
                bound[number][0][0] if number in bound else 0,
            )
            for number in numbers
        }

    def _check(self) -> None:
        if not self.plan.domain:
            raise ElementProblem("网元没有 SIP 域。", "登记 domain。")

    def _client(self) -> SipClient:
        self._check()
        try:
            host, port = str(self.connection["host"]), int(self.connection["port"])
        except (KeyError, ValueError, TypeError) as error:
            raise ElementProblem(
                f"网元的 SIP 连接不完整（{error}）。", "需要 host 和 port。"
            ) from None
        return SipClient(host, port, self.plan.domain)

    def _database(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return aaa_database(
            self.connection.get("database") or {},
            self._secrets.get("database", ""),
            called="固话平台数据库",
        )

    def _where(self) -> str:
        place = self.connection.get("database") or {}
        return f"{place.get('name')} at {place.get('host')}:{place.get('port')}"

    @staticmethod
    def _lock(database: psycopg.Connection[Any], numbers: Sequence[str]) -> None:
        """Take the numbers' locks, in one order whoever asks."""
        if numbers:
            database.execute(_LOCK, [[f"number {number}" for number in numbers]])


_PROBE_SECONDS = 60  # how long a probe's own registration would stand if it died half-way


def _facts(subject: Subject, answer: Answer) -> dict[str, Any]:
    return {
        "account": subject.account,
        "answer": answer.text,
        "took_ms": round(answer.took_ms, 1),
    }
