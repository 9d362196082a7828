from django.db import models
from django.utils.translation import gettext_lazy as _


class BranchKind(models.TextChoices):
    """Levels of the organisation tree."""

    PROVINCE = "province", _("省公司")
    CITY = "city", _("市分公司")
    COUNTY = "county", _("县分公司")
