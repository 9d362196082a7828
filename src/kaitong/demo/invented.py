"""People and firms that do not exist, with well-formed documents of nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stdnum.cn import ric, uscc

from kaitong.core.clock import now
from kaitong.ordering.requests import (
    AddressRef,
    CustomerData,
    DocumentData,
    SubmitItem,
    SubmitOrder,
)

# Families of the county first, then those of everywhere.
SURNAMES = "汪程吴胡朱金余方许洪江戴黄王李张刘陈孙曹叶谢查邵"
GIVEN = (
    "志强", "晓燕", "海涛", "桂兰", "建国", "丽华", "文静", "国庆", "雨桐", "子轩", "立新", "玉梅",
    "向东", "慧敏", "明远", "春生", "佩珊", "长河", "秀英", "伟", "静", "俊杰", "梦婷", "家豪",
    "小红", "来富", "月娥", "根水", "素珍", "志远", "嘉怡", "天佑", "金花", "德旺", "思远", "彩霞",
    "永福", "兰香", "晨曦", "浩然", "霞", "鹏飞", "爱民", "招娣", "学文", "芳", "卫平", "欣怡",
)  # fmt: skip
_STEMS = ("松萝", "齐云", "横江", "新安", "白岳", "率水", "海阳", "状元", "徽乡", "源芳", "万安")
_TRADES = (
    "茶业有限公司", "罗经文化有限公司", "竹木制品有限公司", "电子科技有限公司", "旅游开发有限公司",
    "食品有限公司", "建筑安装有限公司", "农业开发有限公司", "泉水鱼养殖专业合作社",
)  # fmt: skip


def person(serial: int) -> str:
    """A name; neighbouring serials have different ones."""
    return SURNAMES[serial * 7 % len(SURNAMES)] + GIVEN[serial * 11 % len(GIVEN)]


def phone(serial: int) -> str:
    head = ("1395590", "1385591", "1525592", "1875593", "1365594")[serial % 5]
    return f"{head}{serial * 37 % 10000:04d}"


def resident_number(serial: int) -> str:
    """A well-formed number of nobody: region 341022, invented birthday, computed check sign."""
    body = (
        f"341022{1960 + serial % 45}{1 + serial % 12:02d}{1 + serial % 28:02d}{serial % 1000:03d}"
    )
    return body + str(ric.calc_check_digit(body + "0"))


def firm(serial: int) -> str:
    stem, trade = _STEMS[serial % len(_STEMS)], _TRADES[serial * 4 % len(_TRADES)]
    return f"休宁县{stem}{trade}"


def credit_number(serial: int) -> str:
    """A unified social credit code of nobody."""
    body = f"91341022MA{serial % 10**7:07d}"
    return body + str(uscc.calc_check_digit(body))


def customer(serial: int, *, read: bool = True) -> CustomerData:
    """An invented person with a valid identity card."""
    return CustomerData(
        name=person(serial),
        phone=phone(serial),
        document=DocumentData(
            kind="resident-id",
            number=resident_number(serial),
            valid_until=(now() + timedelta(days=3650)).date(),
            reader_used=read,
        ),
    )


def organization(serial: int) -> CustomerData:
    """An invented firm with its licence, represented by a person with a letter (VER-04)."""
    return CustomerData(
        kind="organization",
        name=firm(serial),
        phone=f"0559-75{serial % 100000:05d}",
        document=DocumentData(
            kind="business-licence",
            number=credit_number(serial),
            long_term=True,
            reader_used=True,
        ),
        agent=customer(serial + 500_000),
        introduction_letter=True,
    )


def request(
    serial: int,
    *,
    read: bool = True,
    address: AddressRef | None = None,
    whose: CustomerData | None = None,
    offering: str = "",
    **more: Any,
) -> SubmitOrder:
    """A request for home broadband, at any free covered address where none is given."""
    return SubmitOrder(
        customer=whose or customer(serial, read=read),
        channel="counter",
        items=(
            SubmitItem(
                item_id="1",
                action="add",
                specification="home-broadband.access",
                offering=offering or ("home-1000" if serial % 3 == 0 else "home-300"),
                address=address or AddressRef(any_covered=True),
            ),
        ),
        **more,
    )
