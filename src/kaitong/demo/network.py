"""The demo's network elements, as the lab on this machine has them."""

from __future__ import annotations

from kaitong.activation import services as activation
from kaitong.lab.kea import KeaLab
from kaitong.lab.radius import RadiusLab
from kaitong.lab.voice import VoiceLab
from kaitong.org import queries as org


def register(lab: RadiusLab) -> None:
    """Tell Kaitong where the AAA server is, or will be once it is started; television's and the
    telephones' too."""
    register_television(KeaLab(lab.home))
    register_voice(VoiceLab(lab.home))
    settings = lab.settings()
    activation.register_element(
        key="radius",
        kind="aaa",
        title="认证系统 FreeRADIUS",
        branch_id=org.branch_by_code("AH").id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )


def register_television(lab: KeaLab) -> None:
    """Tell Kaitong where the DHCP server of set-top boxes is, or will be once it is started."""
    settings = lab.prepare()
    activation.register_element(
        key="iptv",
        kind="dhcp",
        title="IPTV 地址平台 Kea",
        branch_id=org.branch_by_code("AH").id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )


def register_voice(lab: VoiceLab) -> None:
    """Tell Kaitong where the registrar of fixed telephones is, or will be once it is started."""
    settings = lab.settings()
    activation.register_element(
        key="voice",
        kind="voice",
        title="固话平台 Kamailio",
        branch_id=org.branch_by_code("AH").id,
        connection=settings.connection(),
        secret=settings.secrets(),
    )
