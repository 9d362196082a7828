"""Tables of customers. Names and phones are searchable and masked on screen; document numbers are
encrypted, with a keyed blind index for equality."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Reverse
from django.utils.translation import gettext_lazy as _

from kaitong.core.audit import tracked
from kaitong.core.crypto import EncryptedTextField
from kaitong.core.masking import mask_name, mask_phone
from kaitong.core.models import ExtRow, Row
from kaitong.org.models import Branch
from kaitong.party.choices import FaceResult, FaceSource, Grade, PartyKind, PhoneKind, Role

DOCUMENT_PURPOSE = "party.document"


@tracked(exclude=["name", "name_sort", "name_initials", "name_grams", "email", "ext"])
class Party(ExtRow):
    """A customer (客户), person or organisation, of one branch.

    ``number`` (客户编号) is what papers print. ``name_sort`` is the pinyin key lists are ordered
    by. The audit says who changed what kind of fact and when, never holds a name.
    """

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    kind = models.CharField(_("客户类别"), max_length=12, choices=PartyKind)
    number = models.CharField(_("客户编号"), max_length=24, unique=True)
    name = models.CharField(_("客户名称"), max_length=120)
    name_sort = models.CharField(max_length=200, db_collation="C")
    name_initials = models.CharField(max_length=60)
    name_grams = ArrayField(models.CharField(max_length=2), default=list)
    grade = models.CharField(_("客户等级"), max_length=12, choices=Grade, default=Grade.ORDINARY)
    email = EncryptedTextField(purpose="party.email", null=True)
    language = models.CharField(_("语言"), max_length=10, blank=True)  # where known: zh-hans, en

    class Meta:
        verbose_name = verbose_name_plural = _("客户")
        indexes = [
            models.Index(fields=["branch", "name_sort"], name="party_by_branch"),
            models.Index(
                OpClass("name_initials", name="varchar_pattern_ops"), name="party_by_initials"
            ),
            models.Index(OpClass("name", name="varchar_pattern_ops"), name="party_by_name"),
            GinIndex(fields=["name_grams"], name="party_by_grams", fastupdate=False),
        ]

    def __str__(self) -> str:
        return mask_name(self.name)


@tracked(exclude=["digits", "e164"])
class PartyPhone(Row):
    """A telephone number of a customer, in normal form, found by its head or its tail."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="phones")
    e164 = models.CharField(max_length=20)
    digits = models.CharField(_("电话"), max_length=20)
    kind = models.CharField(max_length=8, choices=PhoneKind)
    primary = models.BooleanField(_("主要电话"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("电话")
        constraints = [
            models.UniqueConstraint(fields=["party", "e164"], name="party_phone_once"),
            models.UniqueConstraint(
                fields=["party"],
                condition=models.Q(primary=True),
                name="party_one_primary_phone",
            ),
        ]
        indexes = [
            models.Index(OpClass("digits", name="varchar_pattern_ops"), name="party_by_phone"),
            models.Index(
                OpClass(Reverse("digits"), name="text_pattern_ops"), name="party_by_phone_tail"
            ),
        ]

    def __str__(self) -> str:
        return mask_phone(self.digits)


@tracked(exclude=["number", "number_index", "number_masked", "holder_name"])
class IdentityDocument(Row):
    """An identity document (证件). One number belongs to one customer of a branch, whichever kind
    of the same family showed it. ``evidence`` lists attachments of its pictures (VER-05)."""

    branch = models.ForeignKey(Branch, models.PROTECT, related_name="+")
    party = models.ForeignKey(Party, models.CASCADE, related_name="documents")
    kind = models.CharField(_("证件类型"), max_length=40)
    title = models.CharField(_("证件名称"), max_length=60)
    family = models.CharField(max_length=40)
    number = EncryptedTextField(purpose=DOCUMENT_PURPOSE)
    number_index = models.BinaryField(max_length=32, editable=False)
    number_masked = models.CharField(_("证件号码"), max_length=60)
    holder_name = models.CharField(max_length=120, blank=True)
    valid_from = models.DateField(_("有效期起"), null=True)
    valid_until = models.DateField(_("有效期止"), null=True)
    long_term = models.BooleanField(_("长期有效"), default=False)
    evidence = ArrayField(models.UUIDField(), default=list, blank=True)
    reader_used = models.BooleanField(_("已读卡"), default=False)
    face = models.CharField(
        _("人像比对"), max_length=12, choices=FaceResult, default=FaceResult.NOT_DONE
    )
    face_score = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    face_at = models.DateTimeField(null=True)
    face_source = models.CharField(max_length=8, choices=FaceSource, blank=True)
    face_reason = models.CharField(max_length=200, blank=True)
    verified_at = models.DateTimeField(_("核验时间"), null=True)
    verified_by = models.UUIDField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("证件")
        constraints = [
            models.UniqueConstraint(fields=["branch", "number_index"], name="party_document_once"),
        ]

    def __str__(self) -> str:
        return f"{self.title} {self.number_masked}"


@tracked()
class Representation(Row):
    """Who may act for a customer: agent of a person (VER-03), handler of an organisation (VER-04).

    ``evidence`` is the attachment of the letter of authority or introduction.
    """

    party = models.ForeignKey(Party, models.CASCADE, related_name="represented_by")
    representative = models.ForeignKey(Party, models.PROTECT, related_name="represents")
    role = models.CharField(max_length=8, choices=Role)
    evidence = ArrayField(models.UUIDField(), default=list, blank=True)
    valid_until = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("代办与经办")
        constraints = [
            models.UniqueConstraint(
                fields=["party", "representative", "role"],
                condition=models.Q(ended_at=None),
                name="party_represented_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(party=models.F("representative")),
                name="party_not_its_own_agent",
            ),
        ]

    def __str__(self) -> str:
        return self.get_role_display()


@tracked(exclude=["name", "digits", "e164"])
class Contact(Row):
    """Whom to call about a customer's orders (联系人), where it is not the customer himself."""

    party = models.ForeignKey(Party, models.CASCADE, related_name="contacts")
    name = models.CharField(_("联系人"), max_length=60)
    digits = models.CharField(_("电话"), max_length=20)
    e164 = models.CharField(max_length=20)
    remark = models.CharField(_("备注"), max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("联系人")
        constraints = [
            models.UniqueConstraint(fields=["party", "e164", "name"], name="party_contact_once")
        ]

    def __str__(self) -> str:
        return mask_name(self.name)
