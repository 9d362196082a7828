"""Who listens to orders, services and tickets (hub of TMF641, TMF638, TMF621), how they stand."""

from __future__ import annotations

import secrets
import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from kaitong.core.audit import record
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.org.actor import Actor
from kaitong.tmf import posting
from kaitong.tmf.models import Delivery, Listener
from kaitong.tmf.sources import ORDERS, Source

MOST_LISTENERS = 20  # of one member of staff


def register(
    *, actor: Actor, staff_id: UUID, callback: str, query: str = "", source: Source = ORDERS
) -> tuple[UUID, str]:
    """Begin to tell; the listener and the secret that signs, which is told this once.

    Registered twice with the same callback and query there are two, as TMF630 has it.
    """
    faults = [*_callback_faults(callback), *_query_faults(query, source)]
    if faults:
        raise BadInput(faults)
    with transaction.atomic():
        if Listener.objects.filter(staff_id=staff_id).count() >= MOST_LISTENERS:
            what = _("已有 %(n)s 个订阅。") % {"n": MOST_LISTENERS}
            raise BadInput([InputFault("callback", what, _("请先取消一个。"))])
        secret = "ks_" + secrets.token_urlsafe(32)
        newest = source.trail.newest_number()
        row = Listener.objects.create(
            staff_id=staff_id,
            api=source.api,
            callback=callback.rstrip("/"),
            query=query,
            secret=secret,
            after=newest,
            since=newest,
        )
        record(
            "listener-registered",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=row.pk,
            branch_id=actor.branch_id,
            data={"host": urlsplit(callback).hostname or "", "api": source.api},
        )
    return row.pk, secret


def unregister(*, actor: Actor, staff_id: UUID, listener_id: UUID, source: Source = ORDERS) -> None:
    """Tell no more; what waits is forgotten. Somebody else's listener is not found."""
    with transaction.atomic():
        rows = Listener.objects.filter(pk=listener_id, staff_id=staff_id, api=source.api)
        if not rows.select_for_update().exists():
            raise NotFound(_("没有这个订阅。"))
        rows.delete()
        record(
            "listener-unregistered",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=listener_id,
            branch_id=actor.branch_id,
        )


def _callback_faults(callback: str) -> list[InputFault]:
    try:
        parts = urlsplit(callback)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    spelt = parts.path.isascii() and not any(one <= " " for one in callback)
    more = parts.query or parts.fragment
    if not spelt or parts.scheme not in ("http", "https") or not host or more:
        what = _("应是 http 或 https 地址，不带查询和片段")
        return [InputFault("callback", what, _("开通会接上 /listener/ 和事件名。"))]
    if parts.username or parts.password:
        return [InputFault("callback", _("不能带用户名和密码"))]
    if address := posting.literal(host):
        return _private_faults("") if posting.forbidden(address) else []
    return _name_faults(host, port or (443 if parts.scheme == "https" else 80))


def _name_faults(host: str, port: int) -> list[InputFault]:
    """A name is looked up now, so that who registers hears at once what will never be told. Where
    nobody says at present what it stands for it is let in: each post looks again."""
    try:
        posting.addresses(host, port)
    except posting.Refused:
        return _private_faults(host)
    except (socket.gaierror, ValueError) as unknown:
        if isinstance(unknown, socket.gaierror) and unknown.errno not in _NO_SUCH_NAME:
            return []
        what = _("查不到 %(host)s 的地址") % {"host": host}
        return [InputFault("callback", what, _("请核对主机名，或先登记域名。"))]
    except OSError:
        return []
    return []


# what a system says of a name that is not there, and of one that has no address
_NO_SUCH_NAME = frozenset((socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)))


def _private_faults(host: str) -> list[InputFault]:
    what = _("不能是内网、本机、链路本地、保留或组播地址")
    if host:
        what = _("%(host)s 指向内网、本机、链路本地、保留或组播地址") % {"host": host}
    remedy = _("运营商可以用 KAITONG_CALLBACK_NETWORKS 放行自己的网段。")
    return [InputFault("callback", what, remedy)]


def wanted(query: str) -> dict[str, set[str]]:
    return {name: set(",".join(values).split(",")) for name, values in parse_qs(query).items()}


def _query_faults(query: str, source: Source) -> list[InputFault]:
    known = {"eventType": set(source.things), source.state: set(source.states)}
    if query and not parse_qs(query):
        return [InputFault("query", _("不是条件列表"), _("例如 state=completed,failed。"))]
    for name, values in wanted(query).items():
        if name not in known:
            return [
                InputFault(
                    "query",
                    _("没有条件 %(name)s") % {"name": name},
                    _("可以写：%(list)s。") % {"list": ", ".join(known)},
                )
            ]
        if bad := sorted(values - known[name]):
            remedy = _("应是其中之一：%(list)s。") % {"list": ", ".join(sorted(known[name]))}
            return [
                InputFault(
                    "query", _("没有 %(name)s=%(value)s") % {"name": name, "value": bad[0]}, remedy
                )
            ]
    return []


def told(actor: Actor) -> list[dict[str, Any]]:
    """Listeners of the actor's branches and how they stand: what waits for them, what they never
    took (given up after a day and a half), and why the last was not taken."""
    rows = Listener.objects.select_related("staff").order_by("created_at")
    if not actor.is_system:
        rows = rows.filter(staff__branch_id__in=actor.branch_ids)
    waiting = Count("deliveries", filter=Q(deliveries__sent_at=None, deliveries__given_up_at=None))
    dead = Count("deliveries", filter=Q(deliveries__given_up_at__isnull=False))
    found = []
    for row in rows.annotate(waiting=waiting, dead=dead):
        last = row.deliveries.exclude(last_error="").order_by("-next_at").first()
        found.append(
            {
                "id": str(row.pk),
                "api": row.api,
                "callback": row.callback,
                "query": row.query,
                "user": row.staff.username,
                "suspended_at": row.suspended_at.isoformat() if row.suspended_at else None,
                "suspended_for": row.suspended_for,
                "waiting": row.waiting,
                "given_up": row.dead,
                "last_error": last.last_error if last is not None else "",
            }
        )
    return found


def retry(*, actor: Actor, listener_id: UUID) -> int:
    """Send again what a listener never took, and at once what waits; how many are due now. One
    that was suspended is told again, of what happened meanwhile too."""
    with transaction.atomic():
        row = Listener.objects.select_related("staff").filter(pk=listener_id).first()
        if row is None or not (actor.is_system or actor.sees(row.staff.branch_id)):
            raise NotFound(_("没有这个订阅。"))
        Listener.objects.filter(pk=row.pk).update(suspended_at=None, suspended_for="")
        open_ = Delivery.objects.filter(listener=row, sent_at=None)
        dead = open_.filter(given_up_at__isnull=False)
        dead.update(given_up_at=None, tries=0, next_at=now(), lease_until=None)
        open_.filter(next_at__gt=now(), lease_until=None).update(next_at=now())
        record(
            "listener-retried",
            actor_id=actor.id,
            subject_type="tmf.Listener",
            subject_id=row.pk,
            branch_id=row.staff.branch_id,
        )
        return open_.count()
