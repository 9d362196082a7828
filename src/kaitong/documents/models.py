"""Tables of documents. Files themselves stand encrypted in the state folder (``blobs``)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.models import Row
from kaitong.documents.choices import AttachmentKind, PaperState
from kaitong.org.models import Branch


class Counter(models.Model):
    """How far a numbering rule has come in its period. One row, one upsert, taken last."""

    pk = models.CompositePrimaryKey("rule", "scope", "period")
    rule = models.CharField(max_length=60)
    scope = models.CharField(max_length=20, blank=True)
    period = models.CharField(max_length=8, blank=True)
    value = models.BigIntegerField()

    class Meta:
        verbose_name = verbose_name_plural = _("编号计数")

    def __str__(self) -> str:
        return f"{self.rule} {self.scope} {self.period}: {self.value}"


class Blob(models.Model):
    """A stored file, known by a keyed fingerprint of its content. Equal content is kept once."""

    address = models.CharField(primary_key=True, max_length=64)
    size = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("文件")

    def __str__(self) -> str:
        return self.address[:12]


@tracked()
class Attachment(Row):
    """A file that belongs to something (附件): a picture of a document, a label, a signature.

    ``owner_type`` and ``owner_id`` name the row of another package that it proves something for.
    With ``pending_until`` it is an upload that no form has carried yet, taken for the form's
    ``slot``: not part of any record, and swept when that time comes.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    kind = models.CharField(_("类别"), max_length=16, choices=AttachmentKind)
    title = models.CharField(_("名称"), max_length=120, blank=True)
    owner_type = models.CharField(max_length=40)
    owner_id = models.UUIDField()
    media_type = models.CharField(max_length=40)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    stored_by = models.UUIDField(null=True)
    slot = models.CharField(max_length=60, blank=True)
    pending_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("附件")
        indexes = [
            models.Index(
                fields=["pending_until"],
                condition=models.Q(pending_until__isnull=False),
                name="documents_uploads",
            ),
            models.Index(fields=["owner_id", "kind"], name="documents_by_owner"),
            models.Index(fields=["branch", "created_at"], name="documents_att_by_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.title}".strip()


class Template(models.Model):
    """The sources a paper was issued with: its template and all it imports, by their hash.

    Kept so that a paper printed next year is the sheet that was issued today.
    """

    hash = models.CharField(primary_key=True, max_length=64)
    main = models.CharField(max_length=200)
    files = models.JSONField()

    class Meta:
        verbose_name = verbose_name_plural = _("单据模板")

    def __str__(self) -> str:
        return f"{self.main} {self.hash[:12]}"


class Paper(Row):
    """A numbered sheet (单据) of an order: its data sealed, its template fixed, its PDF made when
    first wanted and kept from then on. ``sha256`` is the kept PDF's, for who checks a copy."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    order_id = models.UUIDField()
    kind = models.CharField(_("单据"), max_length=40)
    title = models.CharField(_("名称"), max_length=60)
    number = models.CharField(_("编号"), max_length=60)
    key = models.CharField(max_length=120)
    template = models.ForeignKey(Template, models.PROTECT, related_name="+")
    data = models.BinaryField()
    verify_code = models.CharField(_("验证码"), max_length=14, unique=True)
    state = models.CharField(max_length=8, choices=PaperState, default=PaperState.ISSUED)
    void_reason = models.CharField(max_length=200, blank=True)
    issued_by = models.UUIDField(null=True)
    printed = models.PositiveIntegerField(_("打印次数"), default=0)
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("单据")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "key"], name="documents_paper_once"),
            models.UniqueConstraint(fields=["kind", "number"], name="documents_paper_number"),
        ]
        indexes = [models.Index(fields=["branch", "order_id"], name="documents_paper_by_order")]

    def __str__(self) -> str:
        return f"{self.title} {self.number}"
