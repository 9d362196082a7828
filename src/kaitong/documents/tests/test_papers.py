"""Papers: every shipped template with its samples, the same bytes each time, fixed at issue."""

import json
import re
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection, connections

from kaitong.core import clock
from kaitong.core.errors import Conflict, NotFound
from kaitong.core.home import library
from kaitong.documents import queries, render, services
from kaitong.documents.errors import PaperError
from kaitong.documents.models import Counter, Paper, Template

SAMPLES = sorted(
    path.relative_to(library()).as_posix() for path in library().glob("*/papers/*.json")
)
RECEIPT = "home-broadband/papers/receipt.typ"
RULE = services.NumberRule("receipt", "{branch}-SD-{yyyymmdd}-{seq:5}")
NOON = datetime(2026, 10, 9, 4, 0, tzinfo=UTC)


def sample(name):
    return json.loads((library() / name).read_text(encoding="utf-8"))


def template_of(name):
    return name.removesuffix(".json").removesuffix(".stress") + ".typ"


def test_there_are_samples_of_every_template():
    templates = {p.relative_to(library()).as_posix() for p in library().glob("*/papers/*.typ")}
    shared = {f"common/papers/{n}.typ" for n in ("common", "codes", "bpmn")}
    assert {template_of(name) for name in SAMPLES} == templates - shared
    assert len(SAMPLES) == 2 * len(templates - shared)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_makes_a_sheet_with_our_fonts_only(name):
    made = render.render(template_of(name), sample(name))
    assert made.startswith(b"%PDF-1.7")
    assert b"pdfaid:part" in made
    families = {b"NotoSerifSC", b"NotoSansSC", b"DejaVuSansMono"}
    fonts = set(re.findall(rb"/FontName ?/[A-Z]{6}\+([A-Za-z]+)", made))
    assert b"NotoSansSC" in fonts
    assert fonts <= families, "a missing glyph fell back to another font"


def test_same_data_gives_the_same_bytes():
    data = sample("home-broadband/papers/voucher.json")
    template = "home-broadband/papers/voucher.typ"
    assert render.render(template, data) == render.render(template, data)
    data["status"] = "已退"
    assert render.render(template, data) != render.render(template, {**data, "status": "已收"})


def test_template_that_is_missing_outside_or_wrong_is_named(tmp_path):
    (tmp_path / "bad.typ").write_text("#let d = json(bytes(sys.inputs.json))\n#d.nothing\n")
    (tmp_path / "half.typ").write_text('#import "/common/gone.typ": *\n')
    for name, words in [
        ("none.typ", "none.typ"),
        ("../secret.typ", "secret.typ"),
        ("half.typ", "common/gone.typ"),
    ]:
        with pytest.raises(PaperError, match=words):
            render.render(name, {}, tmp_path)
    with pytest.raises(PaperError, match=r"bad\.typ") as caught:
        render.render("bad.typ", {}, tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert "kaitong-paper-" not in str(caught.value)


def test_check_of_a_playbooks_papers_lists_every_fault(tmp_path):
    assert render.check_papers("home-broadband") == []
    papers = tmp_path / "x" / "papers"
    papers.mkdir(parents=True)
    (papers / "a.typ").write_text("#let d = json(bytes(sys.inputs.json))\n#d.name\n")
    (papers / "a.json").write_text('{"name": 1')
    (papers / "a.stress.json").write_text("{}")
    (papers / "b.typ").write_text("Sheet")
    (papers / "b.json").write_text("{}")
    assert [fault.field for fault in render.check_papers("x", tmp_path)] == [
        "x/papers/a.json",
        "x/papers/a.stress.json",
        "x/papers/b.stress.json",
    ]


@pytest.fixture
def order():
    return uuid4()


def issue(actor, order, **more):
    values = {
        "actor": actor,
        "order_id": order,
        "kind": "receipt",
        "title": "业务受理单",
        "template": RECEIPT,
        "data": sample("home-broadband/papers/receipt.json"),
        "number": RULE,
    }
    return services.issue(**{**values, **more})


@pytest.mark.django_db
def test_paper_is_issued_once_and_takes_one_number(clerk, order):
    with clock.frozen(NOON):
        first, again = issue(clerk, order), issue(clerk, order)
        other = issue(clerk, uuid4())
    assert first.pk == again.pk
    assert (first.number, other.number) == ("XN-SD-20261009-00001", "XN-SD-20261009-00002")
    assert Template.objects.count() == 1
    data = services.paper_data(first)["paper"]
    assert data["number"] == first.number
    assert data["verify_code"] == first.verify_code
    assert data["operator"] == "新安通信有限公司"


@pytest.mark.django_db
def test_data_of_a_paper_is_sealed_in_the_database(clerk, order):
    issue(clerk, order)
    with connection.cursor() as cursor:
        cursor.execute("SELECT encode(data, 'escape') FROM documents_paper")
        stored = cursor.fetchone()[0]
    assert "customer" not in stored
    assert "齐云大道" not in stored


@pytest.mark.django_db
def test_pdf_is_made_once_and_stays_when_the_template_changes(
    clerk, order, state_folder, monkeypatch
):
    paper = issue(clerk, order, template="home-broadband/papers/voucher.typ",
                  data=sample("home-broadband/papers/voucher.json"))  # fmt: skip
    monkeypatch.setenv("KAITONG_LIBRARY", str(state_folder / "no-library"))
    made = services.pdf(clerk, paper.pk)
    assert made.startswith(b"%PDF")

    def refuse(*_args, **_more):
        raise AssertionError("rendered twice")

    monkeypatch.setattr(render, "render_sources", refuse)
    assert services.pdf(clerk, paper.pk) == made
    paper.refresh_from_db()
    assert len(paper.sha256) == 64
    (stored,) = [p for p in (state_folder / "files").rglob("*") if p.is_file()]
    assert b"%PDF" not in stored.read_bytes()


@pytest.mark.django_db
def test_second_print_is_a_copy_and_a_void_one_says_so(clerk, order):
    paper = issue(clerk, order, template="home-broadband/papers/voucher.typ",
                  data=sample("home-broadband/papers/voucher.json"))  # fmt: skip
    first = services.print_copy(actor=clerk, paper_id=paper.pk)
    second = services.print_copy(actor=clerk, paper_id=paper.pk)
    services.void_paper(actor=clerk, paper_id=paper.pk, reason="录错")
    services.void_paper(actor=clerk, paper_id=paper.pk, reason="再录错")
    void = services.print_copy(actor=clerk, paper_id=paper.pk)
    paper.refresh_from_db()
    assert first == services.pdf(clerk, paper.pk)
    assert len({first, second, void}) == 3
    assert (paper.printed, paper.state, paper.void_reason) == (3, "void", "录错")
    with pytest.raises(PaperError):
        services.void_paper(actor=clerk, paper_id=paper.pk, reason=" ")


@pytest.mark.django_db
def test_another_branch_neither_sees_nor_prints(clerk, foreigner, order):
    paper = issue(clerk, order)
    assert queries.papers_of_order(foreigner, order) == []
    for attempt in (
        lambda: services.pdf(foreigner, paper.pk),
        lambda: services.print_copy(actor=foreigner, paper_id=paper.pk),
        lambda: services.void_paper(actor=foreigner, paper_id=paper.pk, reason="x"),
        lambda: queries.own_paper(foreigner, paper.pk),
        lambda: issue(foreigner, uuid4(), branch_id=clerk.branch_id),
    ):
        with pytest.raises(NotFound):
            attempt()
    paper.refresh_from_db()
    assert (paper.printed, paper.state) == (0, "issued")
    assert [p.number for p in queries.papers_of_order(clerk, order)] == [paper.number]


@pytest.mark.django_db
def test_number_of_another_paper_is_a_conflict(clerk):
    issue(clerk, uuid4(), number="X-1")
    with pytest.raises(Conflict, match="编号"):
        issue(clerk, uuid4(), number="X-1")
    assert Paper.objects.count() == 1


@pytest.mark.django_db
def test_code_on_the_sheet_verifies_it_without_telling_what_it_says(clerk, order):
    paper = issue(clerk, order, verify_base="https://kt.example.cn/v/")
    code = paper.verify_code
    told = queries.verify(code.lower().replace("-", " "))
    assert told["number"] == paper.number
    assert told["state"] == "有效"
    assert set(told) == {"title", "number", "branch", "issued_at", "state", "sha256"}
    assert queries.verify("2222-2222-2222") is None
    assert queries.verify("") is None
    url = services.paper_data(paper)["paper"]["verify_url"]
    assert url == f"https://kt.example.cn/v/{code.replace('-', '')}"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_issue_one_paper(county, staff_of, order):
    actor = staff_of(county, "clerk", "clerk")
    start, done, errors = threading.Barrier(4), [], []

    def work():
        try:
            start.wait()
            done.append(issue(actor, order).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(done)) == 1
    assert Paper.objects.count() == 1
    assert Counter.objects.get().value == 1
