"""Address text without a database: pieces, pinyin, tokens, what a typed text asks for."""

from __future__ import annotations

import pytest

from kaitong.places import text

ABOVE = ["安徽省", "黄山市", "休宁县"]
TOWNS = ["海阳镇", "万安镇", "齐云山镇"]


def finds(typed: str, address: str) -> bool:
    """Whether an address's tokens hold what a typed text asks for, one pair missing at most."""
    have = set(text.address_tokens(address))
    query = text.parse_query(typed, ABOVE, TOWNS)
    ways = (*query.alternatives, *query.loosened().alternatives)
    return any(set(tokens) <= have for tokens in ways)


@pytest.mark.parametrize(
    "written, expected",
    [
        ("横江花园6栋2单元301室", ["横江花园", "6", "2", "301"]),
        ("横江花园６－２－３０１", ["横江花园", "6", "2", "301"]),
        ("齐云大道88号 横江花园", ["齐云大道", "88", "横江花园"]),
        ("A座12层", ["a", "座", "12"]),
        ("  ", []),
        ("!?", []),
    ],
)
def test_pieces(written, expected):
    assert text.pieces(written) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("横江花园", "hjhy"),
        ("状元府", "zyf"),
        ("重庆路", "cql"),
        ("长沙路", "csl"),
        ("中国银行宿舍", "zgyhss"),
        ("6栋", "6"),
    ],
)
def test_initials_follow_the_reading_in_the_phrase(name, expected):
    assert text.initials(name) == expected


ADDRESS = "海阳镇齐云大道88号横江花园6栋2单元301室"


@pytest.mark.parametrize(
    "typed",
    [
        "横江",
        "花园",
        "横江花园",
        "hjhy",
        "HJHY",
        "hj",
        "hengjiang",
        "hengjianghuayuan",
        "hjhy6",
        "hjhy6-2-301",
        "横江花园6栋2单元301",
        "横江花园6栋2单元3",
        "横江 301",
        "横江花园６－２－３０１",
        "齐云大道88",
        "海阳横江花园6",
        "海阳镇横江",
        "休宁县海阳镇横江花园",
        "安徽省黄山市休宁县海阳镇齐云大道88号横江花园6栋2单元301室",
        "休宁横江",
        "横江花园02单元",
        "齐云大道横江花园",
    ],
)
def test_found_by(typed):
    assert finds(typed, ADDRESS)


@pytest.mark.parametrize(
    "typed", ["横湖", "hjxy", "横江花园7栋", "横江花园6栋2单元302", "万安镇横江", "hengjia"]
)
def test_not_found_by(typed):
    assert not finds(typed, ADDRESS)


@pytest.mark.parametrize("typed", ["横", "6", "301", "", "  ", "-"])
def test_too_little_to_search_by(typed):
    assert text.parse_query(typed, ABOVE, TOWNS).alternatives == ()


def test_a_characters_other_reading_finds_it_too():
    """行 is read háng in 银行; somebody who types its commoner reading still finds the place."""
    assert finds("yh", "海阳镇银行宿舍1栋")
    assert finds("yx", "海阳镇银行宿舍1栋")
    assert finds("yinhang", "海阳镇银行宿舍1栋")
    assert finds("cf", "溪口镇长丰村12号")
    assert finds("zf", "溪口镇长丰村12号")


def test_half_typed_number_only_at_the_end():
    assert finds("横江花园6栋2单元30", ADDRESS)
    assert not finds("横江花园6栋2单元30室", ADDRESS)


@pytest.mark.parametrize(
    "name, short",
    [
        ("海阳镇", "海阳"),
        ("休宁县", "休宁"),
        ("黄山市", "黄山"),
        ("横江社区居委会", "横江社区"),
        ("川湖村村委会", "川湖村"),
        ("郊区", "郊区"),
    ],
)
def test_short_region_names(name, short):
    assert text.short_region_name(name) == short


@pytest.mark.parametrize(
    "letters, expected",
    [("hengjiang", ("heng", "jiang")), ("fangan", ("fang", "an")), ("hjhy", ()), ("xi", ("xi",))],
)
def test_syllables(letters, expected):
    assert text.syllables(letters) == expected


def test_sorting_key_counts_numbers_by_value():
    names = ["横江花园10单元", "横江花园2单元", "阳光城1单元", "横江花园1单元"]
    assert sorted(names, key=text.sorting_key) == [
        "横江花园1单元",
        "横江花园2单元",
        "横江花园10单元",
        "阳光城1单元",
    ]


def test_unknown_signs_have_no_reading_and_do_no_harm():
    assert text.initials("𠮷村") == "c"
    assert text.address_tokens("海阳镇𠮷村1号")


def test_very_long_text_is_cut():
    assert len("".join(text.pieces("横" * 5000))) <= 80
