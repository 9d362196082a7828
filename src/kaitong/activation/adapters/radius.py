"""FreeRADIUS over its SQL tables: accounts are written there, and proven by logging in.

`connection` of the network element:

    host, auth_port                     where Access-Requests go
    database: {host, port, name, user}  the AAA database
    nas_port_pattern                    how the access servers spell NAS-Port-Id
    barred_group                        the reject group of suspended accounts
    barred_groups: {reason: group}      the reject group of a reason, where it has one of its own
    access_servers: {address: {host, port}}
                                        where the access server of that NAS-IP-Address takes
                                        requests about live sessions; else itself, at port 3799
    login_timeout                       seconds a login may take to be answered, of two tries each
    access_timeout                      seconds it may take to answer one
    stale_after                         seconds after which a silent session counts as dead

Secrets: `radius` (shared secret), `database` (password of the role), `dynauth` (shared secret of
the access servers; `radius` where there is none).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege, UndefinedColumn, UndefinedTable

from kaitong.activation import nasport
from kaitong.activation.adapters import accounts, batch, dynauth, proofs
from kaitong.activation.adapters.aaadb import aaa_database
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Attribute,
    Conversation,
    Outcome,
    Proof,
    ProofKind,
    ProofResult,
    Reading,
    Subject,
)
from kaitong.activation.adapters.holding import Holding, held
from kaitong.activation.adapters.sessions import (
    OPEN_COUNT,
    OPEN_SESSIONS,
    REFUSALS,
    SESSIONS_BETWEEN,
    SESSIONS_SINCE,
    Session,
    judge,
    session_of,
    sessions_text,
)
from kaitong.activation.adapters.sqltext import Statement, transaction_text
from kaitong.activation.adapters.wire import RadiusClient
from kaitong.activation.errors import ElementProblem
from kaitong.core.masking import mask_account

_STALE_AFTER = 24 * 3600
_LOOK_BACK = 256
_RENAMED_AT_MOST = 5
_LOGIN_SECONDS = 2.0
_ACCESS_SECONDS = 2.0


class RadiusAdapter(Adapter):
    """The AAA server of home broadband."""

    def __init__(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.connection = connection
        self._secrets = secrets
        self.barred_group = str(connection.get("barred_group") or "suspended")
        self.barred_groups = {
            "": self.barred_group,
            **{str(k): str(v) for k, v in (connection.get("barred_groups") or {}).items()},
        }
        self.pattern = nasport.pattern(
            str(connection.get("nas_port_pattern") or nasport.DEFAULT_PATTERN)
        )

    # ---- apply, read, undo -----------------------------------------------------------------------

    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        """`apply`, asking what is desired while the account is locked here.

        Of two who bring one account in line at once the later to write has also asked later, so
        what was decided last is what stands. When the account got another name meanwhile, the lock
        is taken anew under that.
        """
        with self._database() as database:
            for _ in range(_RENAMED_AT_MOST):
                with database.transaction():
                    self._lock(database, f"account {account}")
                    change = desired()
                    accounts.check(change)
                    if change.account == account:
                        return self._write(database, change, talk, dry_run=dry_run)
                account = change.account
        raise ElementProblem("账号在下发时一再改变。", "稍后重试。", field="account")

    def _write(
        self,
        database: psycopg.Connection[Any],
        change: AccountChange,
        talk: Conversation,
        *,
        dry_run: bool,
    ) -> Outcome:
        """Inside the transaction that holds the account's lock."""
        todo = []
        for name in change.former:
            self._lock(database, f"account {name}")
            gone = AccountChange(account=name, state=AccountState.ABSENT)
            todo += accounts.statements(gone, self._held(database, name, ""), self.barred_group)
        group = self.barred_groups.get(change.barred_for) or self.barred_group
        held = self._held(database, change.account, change.plan)
        own = accounts.statements(change, held, group)
        if any("radgroupreply" in statement.sql for statement in own):
            # the plan's rows are everybody's: lock them only when they must change
            self._lock(database, f"plan {change.plan}")
            held = self._held(database, change.account, change.plan)
            own = accounts.statements(change, held, group)
        todo += own
        text = transaction_text(todo) if todo else "-- nothing to change"
        talk.sent(f"-- {self._where()}\n{text}")
        if dry_run:
            return Outcome(len(todo), dry_run=True, request=text)
        for statement in todo:
            database.execute(statement.sql, statement.values())
        talk.got(f"{len(todo)} statements, committed" if todo else "stands already")
        return Outcome(len(todo), request=text)

    def bring_many(
        self, names: Sequence[str], desired: Callable[[], Sequence[AccountChange]],
        talk: Conversation,
    ) -> Outcome:  # fmt: skip
        """Many accounts in one transaction, what is desired asked while all are locked here."""
        if len(names) > batch.LARGEST:
            raise ElementProblem(f"一批最多 {batch.LARGEST} 个账号。", "分批下发。")
        talk.sent(f"-- {self._where()}\n-- {len(names)} accounts in one transaction")
        with self._database() as database, database.transaction():
            batch.lock(database, names)
            changes = desired()
            changed = batch.write(database, changes, self.barred_groups)
        talk.got(f"{changed} rows changed, committed" if changed else "stands already")
        return Outcome(changed)

    def read(self, account: str, talk: Conversation) -> Reading:
        talk.sent(f"-- {self._where()}\n-- rows of account {account}")
        with self._database() as database:
            held = self._held(database, account, "")
        found = accounts.reading(held, *self.barred_groups.values())
        talk.got(f"state {found.state}, plan {found.plan or '-'}")
        return found

    # ---- prove -----------------------------------------------------------------------------------

    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        if kind is ProofKind.ACCOUNT:
            return self._prove_account(subject, talk)
        if kind is ProofKind.REMOVED:
            return self._prove_removed(subject, talk)
        if kind is ProofKind.SUSPENDED:
            return self._prove_suspended(subject, talk)
        if kind is ProofKind.PASSWORD:
            return proofs.prove_password(self._radius(), subject, talk)
        if kind is ProofKind.PLAN:
            return proofs.prove_plan(self._radius(), subject, talk)
        return self._prove_line(subject, talk)

    def _prove_account(self, subject: Subject, talk: Conversation) -> Proof:
        """Access-Accept for the account's password, and Access-Reject for a wrong one.

        The second guards against a server that lets anybody in.
        """
        client = self._radius()
        talk.sent(client.describe(subject.account))
        right = client.login(subject.account, subject.password)
        talk.got(str(right))
        facts: dict[str, Any] = {
            "account": mask_account(subject.account),
            "answer": right.code,
            "took_ms": round(right.took_ms, 1),
        }
        if not right.accepted:
            message = dict(right.attributes).get("Reply-Message", "")
            return Proof(ProofKind.ACCOUNT, ProofResult.REFUSED, facts | {"message": message})
        talk.sent(client.describe(subject.account) + "\n  # a wrong password on purpose")
        wrong = client.login(subject.account, f"wrong-{random.token_urlsafe(9)}")
        talk.got(str(wrong))
        facts |= {"wrong_password_answer": wrong.code, "wrong_took_ms": round(wrong.took_ms, 1)}
        if wrong.leaked:
            facts["leaked_in_reject"] = wrong.leaked
        result = ProofResult.PROVEN if wrong.rejected else ProofResult.OPEN_DOOR
        return Proof(ProofKind.ACCOUNT, result, facts)

    def _prove_removed(self, subject: Subject, talk: Conversation) -> Proof:
        """Access-Reject for the account's own password, and no row is left of it."""
        client = self._radius()
        talk.sent(client.describe(subject.account))
        answer = client.login(subject.account, subject.password)
        talk.got(str(answer))
        facts: dict[str, Any] = {
            "account": mask_account(subject.account),
            "answer": answer.code,
            "took_ms": round(answer.took_ms, 1),
        }
        if not answer.rejected:
            return Proof(ProofKind.REMOVED, ProofResult.STILL_OPEN, facts)
        left = self.read(subject.account, talk).state is not AccountState.ABSENT
        result = ProofResult.ROWS_LEFT if left else ProofResult.PROVEN
        return Proof(ProofKind.REMOVED, result, facts)

    def _prove_suspended(self, subject: Subject, talk: Conversation) -> Proof:
        """Refused with the text of the reject group: because it is barred, and for nothing else."""
        group = self.barred_groups.get(subject.barred_for) or self.barred_group
        with self._database() as database:
            row = database.execute(
                "SELECT value FROM radgroupreply WHERE groupname = %s"
                " AND attribute = 'Reply-Message' ORDER BY id LIMIT 1",
                [group],
            ).fetchone()
        return proofs.prove_suspended(self._radius(), subject, str(row[0]) if row else "", talk)

    def _prove_line(self, subject: Subject, talk: Conversation) -> Proof:
        """The account's newest open session, compared with the line that was assigned."""
        if subject.line is None:
            raise ElementProblem("服务还没有线路可验证。", "先配线。")
        found = self.sessions(subject.account, talk)
        line = subject.line
        if not self.pattern.names_user_port:  # these access servers cannot tell it
            line = replace(line, user_port=None)
        return judge(subject.account, line, found)

    def sessions(self, account: str, talk: Conversation) -> list[Session]:
        """The account's open sessions, newest first."""
        statement = Statement(OPEN_SESSIONS, (account, self.stale_after))
        talk.sent(f"-- {self._where()}\n{statement}")
        with self._database() as database:
            rows = database.execute(statement.sql, statement.values()).fetchall()
        found = [session_of(row, self.pattern) for row in rows]
        talk.got(sessions_text(found))
        return found

    def live(self, talk: Conversation) -> Mapping[str, int]:
        with self._database() as database:
            row = database.execute(OPEN_COUNT, [self.stale_after]).fetchone()
        return {"sessions": int(row[0])} if row else {}

    def sessions_since(self, after: int | None, limit: int) -> tuple[list[Session], int]:
        """Accounting records with a number above `after`, oldest first, and the highest number.

        None starts a little before the end: what happened long ago is nobody's news.
        """
        with self._database() as database:
            top = database.execute("SELECT coalesce(max(radacctid), 0) FROM radacct").fetchone()
            highest = int(top[0]) if top else 0
            start = max(highest - _LOOK_BACK, 0) if after is None else after
            rows = database.execute(SESSIONS_SINCE, [start, limit]).fetchall()
        return [session_of(row, self.pattern) for row in rows], highest

    def sessions_between(
        self, account: str, start: datetime, end: datetime, limit: int
    ) -> list[tuple[Any, ...]]:
        """Sessions that touch a span, newest first, as `usage.UsedSession` has them."""
        with self._database() as database:
            return database.execute(SESSIONS_BETWEEN, [account, end, start, limit]).fetchall()

    def refusals_of(self, account: str, since: datetime, limit: int) -> list[tuple[Any, ...]]:
        """The server's last refusals of logins from customers' lines, newest first: when and
        what it said. Our own questions come from no line and are none of them."""
        with self._database() as database:
            try:
                return database.execute(REFUSALS, [account, since, limit]).fetchall()
            except (UndefinedTable, UndefinedColumn, InsufficientPrivilege):
                return []  # a server that does not keep its answers, or does not show them

    # ---- comparing ---------------------------------------------------------------------------

    def held(self, salt: str, accounts: Sequence[str] | None = None) -> Iterator[Holding]:
        """What the server holds of all accounts (or of some), by name in byte order."""
        with self._database() as database:
            yield from held(database, salt, accounts)

    # ---- live sessions ---------------------------------------------------------------------------

    def access_server(self, session: Session) -> dynauth.AccessServerClient:
        """The access server that holds a session."""
        known = (self.connection.get("access_servers") or {}).get(session.nas_address) or {}
        host, port = known.get("host") or session.nas_address, known.get("port") or dynauth.PORT
        secret = self._secrets.get("dynauth") or self._secrets.get("radius", "")
        if not (host and secret):
            raise ElementProblem("会话没有接入服务器的地址，或网元没有共享密钥。")
        return dynauth.AccessServerClient(
            str(host),
            int(port),
            secret,
            timeout=float(self.connection.get("access_timeout") or _ACCESS_SECONDS),
        )

    def disconnect(self, session: Session, talk: Conversation) -> dynauth.Answer:
        """End a live session at its access server. Raises Unreachable."""
        server, named = self.access_server(session), proofs.named(session)
        talk.sent(server.describe("Disconnect-Request", named))
        answer = server.disconnect(named)
        talk.got(str(answer))
        return answer

    def change_live(
        self, session: Session, attributes: Sequence[Attribute], talk: Conversation
    ) -> dynauth.Answer:
        """Give a live session its plan's attributes at its access server. Raises Unreachable."""
        server, named = self.access_server(session), proofs.named(session)
        wanted = dynauth.live_attributes(attributes)
        talk.sent(server.describe("CoA-Request", named, wanted))
        answer = server.change(named, wanted)
        talk.got(str(answer))
        return answer

    # ---- inside ----------------------------------------------------------------------------------

    @property
    def stale_after(self) -> int:
        return int(self.connection.get("stale_after") or _STALE_AFTER)

    def _database(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return aaa_database(
            self.connection.get("database") or {}, self._secrets.get("database", "")
        )

    def _radius(self) -> RadiusClient:
        try:
            host, port = str(self.connection["host"]), int(self.connection["auth_port"])
            secret = self._secrets["radius"]
        except (KeyError, ValueError, TypeError) as error:
            raise ElementProblem(
                f"网元的 RADIUS 连接不完整（{error}）。",
                "需要 host、auth_port 和共享密钥。",
            ) from None
        seconds = float(self.connection.get("login_timeout") or _LOGIN_SECONDS)
        return RadiusClient(host, port, secret, timeout=seconds)

    def _where(self) -> str:
        place = self.connection.get("database") or {}
        return f"{place.get('name')} at {place.get('host')}:{place.get('port')}"

    @staticmethod
    def _lock(database: psycopg.Connection[Any], what: str) -> None:
        database.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])

    @staticmethod
    def _held(database: psycopg.Connection[Any], account: str, plan: str) -> accounts.Held:
        def rows(query: str, key: str) -> list[tuple[Any, ...]]:
            return database.execute(query, [key]).fetchall()

        return accounts.Held(
            check=rows(
                "SELECT id, attribute, op, value FROM radcheck WHERE username = %s ORDER BY id",
                account,
            ),
            reply=rows(
                "SELECT id, attribute, op, value FROM radreply WHERE username = %s ORDER BY id",
                account,
            ),
            groups=rows(
                "SELECT id, groupname, priority FROM radusergroup WHERE username = %s ORDER BY id",
                account,
            ),
            plan=rows(
                "SELECT id, attribute, op, value FROM radgroupreply"
                " WHERE groupname = %s ORDER BY id",
                plan,
            )
            if plan
            else [],
        )
