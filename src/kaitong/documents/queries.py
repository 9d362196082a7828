"""Reading papers and attachments."""

from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import plain
from kaitong.documents.choices import PaperState
from kaitong.documents.errors import DocumentsNotFound
from kaitong.documents.models import Attachment, Paper
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to


def papers_of_order(actor: Actor, order_id: UUID) -> list[Paper]:
    """An order's papers in the order they were issued; their data stays sealed."""
    return list(
        visible_to(Paper.objects.filter(order_id=order_id), actor).defer("data").order_by("pk")
    )


def papers_of_orders(actor: Actor, order_ids: Iterable[UUID], *, limit: int) -> list[Paper]:
    """The newest papers of many orders; their data stays sealed."""
    rows = visible_to(Paper.objects.filter(order_id__in=list(order_ids)), actor)
    return list(rows.defer("data").order_by("-pk")[:limit])


def own_paper(actor: Actor, paper_id: UUID, *, lock: bool = False) -> Paper:
    """One paper, or ``DocumentsNotFound``."""
    queryset = visible_to(Paper.objects.all(), actor)
    if lock:
        queryset = queryset.select_for_update(no_key=True)
    found = queryset.filter(pk=paper_id).first()
    if found is None:
        raise DocumentsNotFound(_("没有这张单据。"), _("请核对编号和所在分公司。"))
    return found


def paper(actor: Actor, paper_id: UUID) -> Paper:
    """One paper without its data, for a face that shows or offers it."""
    return own_paper(actor, paper_id)


def issued(order_id: UUID) -> dict[str, Paper]:
    """An order's papers by the key they were issued under; for verbs that issue the next."""
    rows = plain.where(Paper, "order_id = %s order by id", [order_id], without=("data",))
    return {row.key: row for row in rows}


def attachments(
    actor: Actor, owner_ids: Iterable[UUID], kind: str = ""
) -> dict[UUID, list[Attachment]]:
    """Attachments by owner, oldest first, in one query. Uploads no form carried are none."""
    rows = visible_to(
        Attachment.objects.filter(owner_id__in=list(owner_ids), pending_until=None), actor
    )
    if kind:
        rows = rows.filter(kind=kind)
    found: dict[UUID, list[Attachment]] = {}
    for row in rows.order_by("pk"):
        found.setdefault(row.owner_id, []).append(row)
    return found


def attachment(actor: Actor, attachment_id: UUID) -> Attachment:
    """What an attachment is, without its content; or ``DocumentsNotFound``."""
    found = visible_to(Attachment.objects.filter(pk=attachment_id), actor).first()
    if found is None:
        raise DocumentsNotFound(_("没有这个附件。"), _("请核对编号和所在分公司。"))
    return found


def uploads(actor: Actor, owner_id: UUID) -> dict[str, Attachment]:
    """The uploads that wait for a form to be sent, by slot; the newest of each."""
    rows = visible_to(
        Attachment.objects.filter(owner_id=owner_id, pending_until__isnull=False), actor
    )
    return {row.slot: row for row in rows.order_by("pk")}


def kinds_of(ids: Iterable[UUID]) -> set[str]:
    """What these attachments show; for verbs that hold their identifiers."""
    rows = Attachment.objects.filter(pk__in=list(ids), pending_until=None)
    return set(rows.values_list("kind", flat=True))


def verify(code: str) -> dict[str, str] | None:
    """What anybody holding a sheet may be told by its verification code (核验真伪): that it was
    issued, as what, when, whether it still stands. Nothing of what it says."""
    signs = "".join(c for c in code.upper() if c.isalnum())
    if len(signs) != 12:
        return None
    written = f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"
    found = Paper.objects.select_related("branch").filter(verify_code=written).first()
    if found is None:
        return None
    return {
        "title": found.title,
        "number": found.number,
        "branch": found.branch.name,
        "issued_at": found.created_at.isoformat(),
        "state": str(PaperState(found.state).label),
        "sha256": found.sha256,
    }
