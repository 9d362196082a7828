"""Reading playbooks: the shipped one is clean; each fault of a broken one is named at its place."""

from __future__ import annotations

import json
import shutil
from functools import cache

import pytest

from kaitong.core.home import library
from kaitong.playbooks import loader, scenarios
from kaitong.playbooks.errors import RefusedPlaybook
from kaitong.playbooks.schema import PLAYBOOK
from kaitong.playbooks.wiring import ACTIONS, CHECKS, TARGETS

HOME_BROADBAND = library() / "home-broadband"


def load(folder, *, sheets=True):
    return loader.load(
        folder,
        actions=frozenset(ACTIONS),
        writes=TARGETS,
        checks=frozenset(CHECKS),
        sheets=sheets,
    )


@cache
def shipped():
    """The shipped playbook, read once for every scenario of it."""
    return load(HOME_BROADBAND)


def faults(folder, *, sheets=False) -> list:
    """What is wrong with a playbook; with its `sheets` (a second or more) where they matter."""
    with pytest.raises(RefusedPlaybook) as refused:
        load(folder, sheets=sheets)
    return refused.value.faults


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped playbook to break."""
    copy = tmp_path / "home-broadband"
    shutil.copytree(HOME_BROADBAND, copy)
    return copy


def change(folder, file: str, old: str, new: str) -> None:
    path = folder / file
    shared = library() / "common/line" / file
    text = (path if path.exists() else shared).read_text(encoding="utf-8")
    assert old in text
    path.parent.mkdir(exist_ok=True)  # the playbook's own stands over the shared one
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_shipped_playbook_is_clean():
    book = load(HOME_BROADBAND)
    assert book.key == "home-broadband"
    assert {"open", "withdraw", "resend", "resource-check"} <= set(book.processes)
    assert book.parameters["install_within"] == {"kind": "elapsed", "amount": "48 hours"}


def test_a_key_that_stands_twice_is_refused_at_its_line(folder):
    change(folder, "playbook.yaml", "\npapers:\n", "\npapers:\n  receipt: {title: 另一张}\n")
    (found,) = [fault for fault in faults(folder) if "is there twice" in fault.what]
    assert found.element == "receipt"
    lines = (folder / "playbook.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[found.line - 1].strip() == "receipt:"


def test_published_schema_is_the_one_that_is_used():
    published = json.loads((library() / "playbook.schema.json").read_text(encoding="utf-8"))
    assert published == PLAYBOOK


@pytest.mark.parametrize(
    ("key", "scenario"),
    [(key, one) for key, every in shipped().scenarios.items() for one in every],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_scenarios_of_the_shipped_playbook(key, scenario):
    scenarios.run(shipped(), key, scenario)


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "what"),
    [
        ("playbook.yaml", "until: [proven]", "until: [prooven]", "processes.open.cancel.until.0",
         "No step and no milestone 'prooven'"),
        ("playbook.yaml", "fee: none", "fee: proof_patience", "processes.open.cancel.fee",
         "'proof_patience' is no sum of money"),
        ("playbook.yaml", "{key: moved, title: 改变住址}", "{key: no-need, title: 改变住址}",
         "processes.open.cancel.reasons.0", "'customer.no-need' stands twice"),
        ("playbook.yaml", "process: processes/withdraw.bpmn", "process: processes/gone.bpmn",
         "processes.open", "No file processes/gone.bpmn"),
        ("processes/open.bpmn", ' kaitong:milestone="installed"', "", "processes.open.cancel",
         "refunded until installed"),
        ("locale/en.yaml", "不再需要: No longer needed", "", "不再需要", "No English"),
    ],
)  # fmt: skip
def test_each_fault_of_a_withdrawal_is_named(folder, file, old, new, where, what):
    change(folder, file, old, new)
    found = [(str(f.element), f.what) for f in faults(folder)]
    assert any(place == where and what in text for place, text in found), found


def test_scenario_that_ends_otherwise_fails():
    book = load(HOME_BROADBAND)
    wrong = {
        "name": "x",
        "given": {"port": "none"},
        "when": [],
        "then": {"process": "completed"},
    }
    with pytest.raises(scenarios.ScenarioFailed, match="PortException"):
        scenarios.run(book, "open", wrong)


def test_hash_follows_every_file(folder):
    before = load(folder, sheets=False).hash
    change(folder, "forms/rework.json", "处理情况", "处理的情况")
    change(folder, "locale/en.yaml", "处理情况:", "处理的情况:")
    assert load(folder, sheets=False).hash != before


@pytest.mark.parametrize(
    "file, old, new, where, said",
    [
        ("playbook.yaml", "format: 1", "format: 2", "format", "1 was expected"),
        ("playbook.yaml", "default: 48 hours", "default: 48 fortnights", "install_within", "48"),
        ("playbook.yaml", "kind: elapsed\n    default: 48", "kind: money\n    default: 48",
         "Install", "not a time budget"),
        ("playbook.yaml", "amount: 10000", "amount: -1", "charges", "minimum"),
        ("playbook.yaml", "file: processes/open.bpmn", "file: processes/no.bpmn",
         "processes.open", "No file"),
        ("playbook.yaml", "hold: port_hold", "hold: nothing", "needs", "No parameter"),
        ("playbook.yaml", "file: papers/receipt.typ", "file: papers/gone.typ",
         "papers.receipt.file", "No file"),
        ("playbook.yaml", "number: voucher", "number: none", "papers.voucher.number",
         "No number rule"),
        ("playbook.yaml", "post: installer", "post: pilot", "papers.work-order.post", "No post"),
        ("playbook.yaml", "when: paid", "when: full-moon", "papers.voucher.when", "full-moon"),
        ("playbook.yaml", "attachments: {identity:", "attachments: {passport:",
         "papers.receipt.attachments", "passport"),
        ("playbook.yaml", "offerings: [home-300]", "offerings: [home-3]", "cases.0.offerings",
         "No offering"),
        ("playbook.yaml", "{when: accepted, title: 安装费, amount: 0}",
         "{when: monthly, title: 安装费, amount: 0}", "cases.0.prices", "has no charge"),
        ("playbook.yaml", "valid: {from: 2026-01-01, until: 2027-12-31}",
         "valid: {from: 2028-01-01, until: 2027-12-31}", "cases.0.valid", "before it begins"),
        ("playbook.yaml", "key: home-300-family", "key: home-1000", "cases.0.key", "twice"),
        ("playbook.yaml", "title: 1000M 存费优惠", "title: 1000M 存费", "存费", "No English"),
        ("playbook.yaml", "title: 收费凭据", "title: 收据", "收据", "No English"),
        ("playbook.yaml", "-SL-{yyyymmdd}", "-SL-{yy}", "numbers.voucher", "restarts daily"),
        ("papers/voucher.typ", "d.paid_at", "d.paid_by", "voucher", "does not make a sheet"),
        ("papers/receipt.json", '"order": ', '"command": ', "receipt", "does not make a sheet"),
        ("papers/receipt.typ", "/common/papers/common.typ", "/common/papers/gone.typ", "receipt",
         "gone.typ"),
        ("papers/work-order.stress.json", "{", "[", "work-order", "no JSON"),
        ("decisions/port.dmn", '<text>"refuse"</text>', '<text>"reject"</text>',
         "无端口去向 rule 2, output 去向", "reject is not among the allowed values"),
        ("decisions/port.dmn", "<text>verdict</text>", "<text>verdikt</text>",
         "无端口去向 input 覆盖结论", "verdikt is nothing this decision requires"),
        ("decisions/port.dmn", "物业不允许进入", "物业不让进", "物业不让进", "No English"),
        ("processes/open.bpmn", "decisions/port.dmn#PortOutcome", "decisions/port.dmn#Outcome",
         "PortOutcome", "holds no decision Outcome"),
        ("processes/open.bpmn", 'kaitong:action="ordering.make-data"',
         'kaitong:action="ordering.magic"', "MakeData", "No action"),
        ("processes/open.bpmn", 'kaitong:form="forms/install.json"',
         'kaitong:form="forms/none.json"', "Install", "No form"),
        ("processes/open.bpmn", 'kaitong:post="monitor"', 'kaitong:post="pilot"',
         "Lane_monitor", "No post"),
        ("processes/open.bpmn", 'decision = "retry"', "decision = = 1", "f10", ""),
        ("processes/open.bpmn", "<bpmn:parallelGateway id=\"Fork\"",
         "<bpmn:complexGateway id=\"Fork\"", "Fork", ""),
        ("forms/install.json", '"writes": "service.terminal_serial"',
         '"writes": "service.colour"', "terminal_serial", "Nothing writes"),
        ("forms/document-review.json", '"x-photo": "identity-back"', '"x-photo": "selfie"',
         "customer_back", "selfie"),
        ("forms/document-review.json", '"x-photo": "identity-front",\n', "",
         "customer_front", "x-photo"),
        ("playbook.yaml", "photo_purpose: {", "photo_words: {", "customer_front",
         "watermark"),
        ("forms/install.json", '"power_dbm": -19.2', '"power_dbm": -400', "examples", "minimum"),
        ("playbook.yaml", "correction: record-wrong", "correction: whim",
         "fieldwork.correction", "No port reason"),
        ("playbook.yaml", "on-site: [label_photo", "on-site: [lable_photo", "fieldwork.on-site",
         "No form asks"),
        ("playbook.yaml", "resend: processes/resend.bpmn", "resend: processes/gone.bpmn",
         "fieldwork.resend", "No file"),
        ("processes/open.bpmn", 'kaitong:check="line"', 'kaitong:check="luck"', "Install",
         "No check"),
        ("forms/install.json", '"only": {"return_photo"', '"only": {"return_foto"',
         "ui.only.return_foto", "No such property"),
        ("forms/acceptance.json", '"title": "满意度"', '"title": "心情"', "心情", "No English"),
        ("scenarios/open.yaml", "does: Appoint", "does: Dance", "Dance", "No such step"),
    ],
    ids=lambda v: None,
)  # fmt: skip
def test_each_fault_is_named(folder, file, old, new, where, said):
    change(folder, file, old, new)
    if "complexGateway" in new:
        change(folder, file, "</bpmn:parallelGateway>", "</bpmn:complexGateway>")
    found = faults(folder, sheets=file.startswith("papers/"))
    assert any(where in str(fault) and said in str(fault) for fault in found), found
    assert all(fault.file and fault.line >= 1 for fault in found)


def test_all_faults_at_once_with_lines(folder):
    change(folder, "processes/open.bpmn", 'kaitong:form="forms/install.json"', 'kaitong:form="a"')
    change(folder, "processes/open.bpmn", 'kaitong:post="monitor"', 'kaitong:post="pilot"')
    change(folder, "forms/acceptance.json", '"title": "满意度"', '"title": "心情"')
    found = faults(folder)
    assert len(found) >= 3
    lines = (folder / "processes/open.bpmn").read_text(encoding="utf-8").splitlines()
    for fault in found:
        if fault.element in ("Install", "Lane_monitor"):
            assert fault.element in lines[fault.line - 1]


@pytest.mark.parametrize(
    "file, text",
    [("playbook.yaml", "a: [1"), ("forms/install.json", "{"), ("processes/open.bpmn", "<a>")],
)
def test_broken_files_name_the_line(folder, file, text):
    (folder / file).write_text(text)
    assert any(fault.file == file for fault in faults(folder))


def test_paper_without_its_samples_is_refused(folder):
    (folder / "papers/receipt.stress.json").unlink()
    (folder / "papers/voucher.json").unlink()
    named = {fault.file for fault in faults(folder, sheets=True)}
    assert named == {"papers/receipt.stress.json", "papers/voucher.json"}


def test_texts_of_a_paper_are_tried_on_its_template(folder):
    line = "#let r = d.result\n"  # the sample has four photos, this playbook asks for three
    change(folder, "papers/work-order.typ", line, f"{line}#let fourth = d.photos.at(3)\n")
    found = {(fault.file, fault.element) for fault in faults(folder, sheets=True)}
    papers = ("papers.work-order", "papers.move-order", "papers.part-order")  # one template
    assert found == {("playbook.yaml", paper) for paper in papers}


def test_common_parts_of_papers_belong_to_the_version(folder):
    before = loader.fingerprint(folder)
    assert before == loader.fingerprint(HOME_BROADBAND)
    common = folder.parent / "common" / "papers"
    shutil.copytree(library() / "common" / "papers", common)
    assert loader.fingerprint(folder) == before
    with (common / "codes.typ").open("a", encoding="utf-8") as file:
        file.write("// changed\n")
    assert loader.fingerprint(folder) != before


def test_missing_folder_names_the_file(tmp_path):
    assert faults(tmp_path)[0].file == "playbook.yaml"


def test_a_broken_head_hides_nothing_else(folder):
    """An unknown key, a broken process and a broken form: all are said, each at its line."""
    path = folder / "playbook.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "colour: red\n", encoding="utf-8")
    change(folder, "processes/open.bpmn", 'sourceRef="Start"', 'sourceRef="Nowhere"')
    (folder / "forms" / "rework.json").write_text("[", encoding="utf-8")
    found = faults(folder)
    assert {fault.file for fault in found} == {
        "playbook.yaml",
        "processes/open.bpmn",
        "forms/rework.json",
    }
    colour = next(fault for fault in found if fault.element == "colour")
    assert colour.line == len(path.read_text(encoding="utf-8").splitlines())


def test_a_refused_process_is_not_said_twice(folder):
    (folder / "processes" / "open.bpmn").write_text("<!DOCTYPE a><a/>")
    assert {fault.file for fault in faults(folder)} == {"processes/open.bpmn"}


def test_a_playbook_stands_on_a_shared_folder_and_its_own_files_stand_over_it(folder):
    before = loader.fingerprint(folder)
    assert before == loader.fingerprint(HOME_BROADBAND)  # a copy stands on the library's, too
    change(folder, "forms/refund-approval.json", '"examples"', '"$schema": "x", "examples"')
    assert loader.fingerprint(folder) != before
    assert load(folder, sheets=False).forms["forms/refund-approval.json"].content["$schema"] == "x"
    change(folder, "playbook.yaml", "stands-on: common/line", "stands-on: common/none")
    assert any(
        one.what == "The library has no shared folder 'common/none'." for one in faults(folder)
    )


def test_a_changed_shared_file_is_a_new_version_of_who_stands_on_it(folder):
    before = loader.fingerprint(folder)
    shutil.copytree(library() / "common/line", folder.parent / "common/line")
    assert loader.fingerprint(folder) == before
    file = folder.parent / "common/line/processes/move.bpmn"
    file.write_text(file.read_text("utf-8") + "<!-- -->", "utf-8")
    assert loader.fingerprint(folder) != before
