"""What every adapter to a network element can do, and what it answers.

Four verbs: `apply` brings the element to a desired state, `read` says what it holds, `prove` asks
the network itself, `undo` takes a change back. Each may be called again with the same arguments and
then changes nothing. `apply` and `undo` have a dry run that tells what would be sent.

An adapter never touches Kaitong's database. It tells the `Conversation` what it sent and got, with
secrets masked, so that even a call that dies half-way leaves its record.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from kaitong.activation.nasport import Line
from kaitong.core.masking import mask_mobiles, mask_secret

_LONGEST_TEXT = 20_000


class AccountState(StrEnum):
    """What an account shall be at the AAA server."""

    OPEN = "open"  # may log in
    BARRED = "barred"  # exists and is refused (停机)
    ABSENT = "absent"  # does not exist (销户)


class ProofKind(StrEnum):
    ACCOUNT = "account"  # 账号已验证
    LINE = "line"  # 开通验证
    REMOVED = "removed"  # 撤下验证
    SUSPENDED = "suspended"  # 停机验证
    PASSWORD = "password"  # noqa: S105  新密码验证
    PLAN = "plan"  # 套餐验证


class ProofResult(StrEnum):
    """What the network said."""

    PROVEN = "proven"
    REFUSED = "refused"  # the account with its own password was not accepted
    OPEN_DOOR = "open-door"  # a wrong password was accepted too: nothing is proven
    NOT_SEEN = "not-seen"  # no open session of the account
    WRONG_PORT = "wrong-port"  # a session, but not on the line that was assigned
    STILL_OPEN = "still-open"  # the account was taken out or barred and is let in all the same
    ROWS_LEFT = "rows-left"  # refused, and yet something of the account is still held
    OTHER_REASON = "other-reason"  # refused, but not because it is barred
    OLD_PASSWORD = "old-password"  # noqa: S105  the password before is still accepted
    OTHER_PLAN = "other-plan"  # accepted, with other attributes than the plan's


@dataclass(frozen=True, slots=True)
class Attribute:
    """A RADIUS attribute as FreeRADIUS's tables hold it."""

    name: str
    value: str
    op: str = ":="


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """The desired state of one account. `previous` is what undo restores; None means it was new.

    `barred_for` is why a barred one is: each reason may have a reject group of its own. `former`
    are names the account had before: taken out in the same transaction.
    """

    account: str
    state: AccountState = AccountState.OPEN
    password: str = field(default="", repr=False)
    plan: str = ""  # the group that carries the plan's attributes
    plan_attributes: tuple[Attribute, ...] = ()
    attributes: tuple[Attribute, ...] = ()  # of this account alone, such as a fixed address
    barred_for: str = ""
    former: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)  # what only its kind of element has
    previous: AccountChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The service a proof is about."""

    account: str
    password: str = field(default="", repr=False)
    line: Line | None = None
    former_password: str = field(default="", repr=False)
    barred_for: str = ""
    attributes: tuple[Attribute, ...] = ()  # what an accepted login must be given
    since: datetime | None = None  # what was seen before is of another time
    settings: Mapping[str, Any] = field(default_factory=dict)  # what only its kind of element has


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `apply` or `undo` did. `statements` counts rows' changes; 0 means it stood already."""

    statements: int
    dry_run: bool = False
    request: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the element holds of an account. Passwords are only known to be there or not."""

    state: AccountState
    has_password: bool = False
    plan: str = ""
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """The network's answer. `facts` is fit for storing and showing: no secret, no personal data."""

    kind: ProofKind
    result: ProofResult
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.result is ProofResult.PROVEN


class Conversation:
    """What was said between Kaitong and an element, as a network engineer wants to read it."""

    def __init__(self, hide: Iterable[str] = ()) -> None:
        self._sent: list[str] = []
        self._got: list[str] = []
        self._start = time.perf_counter()
        self.ok = False
        self.cause = ""
        self.until: datetime | None = None  # what was ended may be used so long yet
        # a second net below the adapters' masking; very short ones would blot out ordinary text
        self._hidden = sorted((s for s in hide if len(s) >= 5), key=len, reverse=True)

    def hide(self, secret: str) -> None:
        """A secret that is known only now: blotted out like the others."""
        if len(secret) >= 5 and secret not in self._hidden:
            self._hidden = sorted([*self._hidden, secret], key=len, reverse=True)

    def sent(self, text: str) -> None:
        self._sent.append(text)

    def got(self, text: str) -> None:
        self._got.append(text)

    @property
    def request(self) -> str:
        return self._text(self._sent)

    @property
    def response(self) -> str:
        return self._text(self._got)

    def _text(self, parts: list[str]) -> str:
        text = "\n".join(parts)
        for secret in self._hidden:
            text = text.replace(secret, mask_secret(secret))
        return mask_mobiles(text)[:_LONGEST_TEXT]  # an account may be a mobile number (BB-11)

    @property
    def took_ms(self) -> int:
        return round((time.perf_counter() - self._start) * 1000)


class Adapter(ABC):
    """One kind of network element."""

    @abstractmethod
    def bring(
        self,
        account: str,
        desired: Callable[[], AccountChange],
        talk: Conversation,
        *,
        dry_run: bool = False,
    ) -> Outcome:
        """Bring the element to the desired state, in one transaction of its own, asking what is
        desired while the account is locked there: of two at once the later to write has also asked
        later, so what was decided last is what stands."""

    def apply(self, change: AccountChange, talk: Conversation, *, dry_run: bool = False) -> Outcome:
        """`bring` to a state that is known already."""
        return self.bring(change.account, lambda: change, talk, dry_run=dry_run)

    def bring_many(
        self,
        names: Sequence[str],
        desired: Callable[[], Sequence[AccountChange]],
        talk: Conversation,
    ) -> Outcome:
        """Many accounts at once. An element that cannot do it in one transaction takes one after
        the other; asked again it goes on where it was."""
        changed = 0
        for name in names:
            changed += self.bring(name, partial(_named, name, desired), talk).statements
        return Outcome(changed)

    @abstractmethod
    def read(self, account: str, talk: Conversation) -> Reading:
        """What the element holds."""

    @abstractmethod
    def prove(self, subject: Subject, kind: ProofKind, talk: Conversation) -> Proof:
        """Ask the network itself whether the service works."""

    def live(self, talk: Conversation) -> Mapping[str, int]:
        """What is on at the element at this moment: sessions, registrations, leases; counts."""
        return {}

    def holds_until(self, account: str, talk: Conversation) -> datetime | None:
        """Until when terminals go on with what they hold although the element would end it now;
        None where nothing is held on to, as with sessions that are ended at an access server."""
        return None

    def undo(self, change: AccountChange, talk: Conversation, *, dry_run: bool = False) -> Outcome:
        """Restore what was before the change."""
        before = change.previous or AccountChange(account=change.account, state=AccountState.ABSENT)
        return self.apply(before, talk, dry_run=dry_run)


def _named(name: str, desired: Callable[[], Sequence[AccountChange]]) -> AccountChange:
    return next(change for change in desired() if change.account == name)
