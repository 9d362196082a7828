"""Customers, to read: masked, never edited here."""

from django.contrib import admin

from kaitong.core.admin import ReadOnlyAdmin
from kaitong.core.masking import mask_name, mask_phone
from kaitong.party.models import IdentityDocument, Party, PartyPhone, Representation


class PhoneInline(admin.TabularInline):  # type: ignore[type-arg]
    model = PartyPhone
    fields = ("masked", "kind", "primary")
    readonly_fields = ["masked", "kind", "primary"]
    extra = 0
    can_delete = False

    @admin.display(description="电话")
    def masked(self, row: PartyPhone) -> str:
        return mask_phone(row.digits)


@admin.register(Party)
class PartyAdmin(ReadOnlyAdmin):
    list_display = ["number", "masked", "kind", "grade", "branch"]
    list_filter = ["kind", "grade"]
    fields = ["number", "masked", "kind", "grade", "branch", "created_at"]
    inlines = [PhoneInline]

    @admin.display(description="客户名称")
    def masked(self, row: Party) -> str:
        return mask_name(row.name)


@admin.register(IdentityDocument)
class IdentityDocumentAdmin(ReadOnlyAdmin):
    list_display = ["title", "number_masked", "valid_until", "reader_used", "face", "verified_at"]
    list_filter = ["kind", "face"]
    fields = ("party", "title", "number_masked", "valid_until", "reader_used", "face", "evidence")


@admin.register(Representation)
class RepresentationAdmin(ReadOnlyAdmin):
    list_display = ["party", "representative", "role", "valid_until", "ended_at"]
