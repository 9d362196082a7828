"""The rows of a handbook's tables (流程说明书), from a process's file and the playbook's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kaitong.playbooks.limit_words import default_text, limit_text
from kaitong.process import layout
from kaitong.process.bpmn_xml import BPMN, KAITONG, Element
from kaitong.process.layout.graph import EVENTS, GATEWAYS, STEPS, SUBS

_KINDS = {
    "task": "环节",
    "userTask": "人工办理",
    "manualTask": "人工办理（无表单）",
    "serviceTask": "系统处理",
    "scriptTask": "系统计算",
    "sendTask": "发送消息",
    "receiveTask": "等待消息",
    "businessRuleTask": "按规则判定",
    "callActivity": "调用子流程",
    "subProcess": "子流程",
    "adHocSubProcess": "子流程",
    "transaction": "子流程",
}
_EVENTS = {
    "timer": "定时",
    "message": "消息",
    "signal": "信号",
    "error": "差错",
    "escalation": "升级",
    "conditional": "条件",
    "compensate": "补偿",
    "link": "连接",
    "terminate": "终止",
    "cancel": "取消",
}
_PLACES = {
    "startEvent": "开始",
    "endEvent": "结束",
    "intermediateCatchEvent": "等待",
    "intermediateThrowEvent": "发出",
    "boundaryEvent": "边界",
}
_GATEWAYS = {
    "exclusiveGateway": "择一",
    "parallelGateway": "并行",
    "inclusiveGateway": "择多",
    "eventBasedGateway": "先到先走",
    "complexGateway": "复杂",
}


@dataclass(frozen=True, slots=True)
class Source:
    """What a handbook is made of: the file, and what the playbook says of it."""

    bpmn: bytes
    playbook: str
    title: str  # of the playbook
    version: str
    posts: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Mapping[str, Any]]
    forms: Mapping[str, Mapping[str, Any]]


class Rows:
    """The rows of the sheet's tables."""

    def __init__(self, source: Source, root: Element, picture: layout.Picture) -> None:
        self.source = source
        self.picture = picture
        self.layer = layout.layers(root)
        self.processes = processes = root.all("process")
        self.elements: dict[str, Element] = {}
        self.level: dict[str, int] = {}
        self.holder: dict[str, str] = {}  # the sub-process a step stands in
        self.flows: list[Element] = []
        self.lane_of: dict[str, Element] = {}
        self.definitions = {e.id: e for e in root.children if e.space == BPMN and e.id}
        for one in processes:
            self._collect(one, 0)
            for lane in (e for e in one.walk() if e.space == BPMN and e.tag == "lane"):
                for reference in lane.all("flowNodeRef"):
                    self.lane_of[reference.text.strip()] = lane
        self.used: list[str] = []

    def _collect(self, container: Element, level: int) -> None:
        for child in container.children:
            if child.space != BPMN:
                continue
            if child.tag == "sequenceFlow":
                self.flows.append(child)
            elif child.tag in STEPS and child.id:
                self.elements[child.id] = child
                self.level[child.id] = level
                if level:
                    self.holder[child.id] = container.id
                if child.tag in SUBS:
                    self._collect(child, level + 1)

    # ---- names

    def name(self, element: Element) -> str:
        if name := element.get("name").strip():
            return name
        if element.tag in GATEWAYS:
            return f"{_GATEWAYS[element.tag]}网关"
        if element.tag in EVENTS:
            kind = _event_kind(element)
            return _PLACES[element.tag] + (f"（{_EVENTS.get(kind, kind)}）" if kind else "")
        return element.id

    def post(self, id_: str) -> str:
        lane = self.lane_of.get(id_)
        if lane is None:
            return ""
        return lane.get("name").strip() or self._post_title(lane)

    def _post_title(self, lane: Element) -> str:
        key = lane.attributes.get((KAITONG, "post"), "") or lane.id
        return str(self.source.posts.get(key, {}).get("title", key))

    def parameter(self, name: str) -> str:
        """A time limit as people say it; a parameter's figure is the playbook's default."""
        name = name.strip()
        if not name:
            return ""
        entry = self.source.parameters.get(name)
        if entry is None:
            return limit_text(name)
        if name not in self.used:
            self.used.append(name)
        return default_text(entry)

    # ---- tables

    def lanes(self) -> list[dict[str, Any]]:
        found = []
        lanes = [e for p in self.processes for e in p.walk() if e.space == BPMN and e.tag == "lane"]
        for lane in lanes:
            key = lane.attributes.get((KAITONG, "post"), "") or lane.id
            entry = self.source.posts.get(key, {})
            count = sum(
                1
                for id_, owner in self.lane_of.items()
                if owner is lane and id_ in self.elements and _is_step(self.elements[id_])
            )
            found.append(
                {
                    "name": lane.get("name").strip() or self._post_title(lane),
                    "department": entry.get("department", ""),
                    "steps": count,
                }
            )
        return found

    def steps(self) -> list[dict[str, Any]]:
        rows = []
        for element in self._ordered():
            if not _is_step(element):
                continue
            extension = {n: v for (s, n), v in element.attributes.items() if s == KAITONG}
            form = self.source.forms.get(extension.get("form", ""), {})
            notes = [
                ("表单", form.get("title", "")),
                ("预警", self.parameter(extension.get("warn", ""))),
                ("督办", self._title_of_post(extension.get("escalate-to", ""))),
                ("重试", extension["retries"] + " 次" if "retries" in extension else ""),
                ("子流程", element.get("calledElement")),
                ("规则表", extension.get("decision", "")),
                ("复核", self._others(extension.get("four-eyes-with", ""))),
            ]
            rows.append(
                {
                    "id": element.id,
                    "level": self.level[element.id],
                    "name": self.name(element),
                    "kind": _KINDS.get(element.tag, element.tag) + _repeats(element),
                    "post": self.post(element.id),
                    "work": documentation(element),
                    "limit": self.parameter(extension.get("budget", "")),
                    "next": self._next(element.id),
                    "notes": [f"{word}：{text}" for word, text in notes if text],
                }
            )
        return rows

    def without_parts(self) -> set[str]:
        """Steps that only a line with further services comes to (`parts`): those repeated for each,
        and what follows from their troubles alone."""
        repeated = {id_ for id_, element in self.elements.items() if _for_parts(element)}
        hosts = {id_: e.get("attachedToRef") for id_, e in self.elements.items()}
        entered = {flow.get("targetRef") for flow in self.flows}
        open_ = [id_ for id_ in self.elements if id_ not in entered and not hosts[id_]]
        seen: set[str] = set()
        while open_:
            id_ = open_.pop()
            if id_ in seen or id_ not in self.elements:
                continue
            seen.add(id_)
            open_ += [flow.get("targetRef") for flow in self._out(id_)]
            if id_ not in repeated:
                open_ += [other for other, host in hosts.items() if host == id_]
        return (set(self.elements) - seen) | repeated

    def gateways(self) -> list[dict[str, Any]]:
        rows = []
        for element in self._ordered():
            ways = self._out(element.id)
            if element.tag not in GATEWAYS or len(ways) < 2:
                continue
            for flow in ways:
                condition = flow.first("conditionExpression")
                default = element.get("default") == flow.id
                words = condition.text.strip() if condition is not None else ""
                if default:
                    words = "其余情况"
                elif not words:
                    words = "都走" if element.tag == "parallelGateway" else "——"
                rows.append(
                    {
                        "name": self._question(element),
                        "kind": _GATEWAYS.get(element.tag, element.tag),
                        "way": flow.get("name").strip(),
                        "condition": words,
                        "to": self._target(flow),
                    }
                )
        return rows

    def events(self) -> list[dict[str, Any]]:
        rows = []
        for element in self._ordered():
            kind = _event_kind(element)
            if element.tag not in EVENTS or (not kind and element.tag != "endEvent"):
                continue
            host = self.elements.get(element.get("attachedToRef"))
            stops = element.get("cancelActivity", "true") != "false"
            rows.append(
                {
                    "name": self.name(element),
                    "kind": _PLACES[element.tag] + (f"·{_EVENTS.get(kind, kind)}" if kind else ""),
                    "at": (self.name(host) + ("（中断）" if stops else "（不中断）"))
                    if host
                    else "",
                    "when": self._when(element),
                    "next": self._next(element.id),
                }
            )
        return rows

    def parameters(self) -> list[dict[str, str]]:
        return [
            {
                "name": name,
                "value": default_text(self.source.parameters[name]),
                "why": str(self.source.parameters[name].get("why", "")),
            }
            for name in self.used
        ]

    def forms(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for element in self._ordered():
            file = element.attributes.get((KAITONG, "form"), "")
            form = self.source.forms.get(file)
            if form is None:
                continue
            entry = found.setdefault(file, {"title": form["title"], "steps": [], "fields": []})
            entry["steps"].append(self.name(element))
            if not entry["fields"]:
                entry["fields"] = list(fields(form))
        return list(found.values())

    # ---- inside

    def _ordered(self) -> list[Element]:
        """Along the flow, of equals the upper first, what is inside after what holds it."""
        at = {shape.id: shape.box for shape in self.picture.shapes}

        def place(id_: str) -> tuple[tuple[float, float], ...]:
            holder = self.holder.get(id_)
            host = self.elements[id_].get("attachedToRef")
            before = place(holder) if holder else place(host) if host in self.elements else ()
            box = at.get(id_)
            return (*before, (float(self.layer.get(id_, 0)), box.y if box else 0.0))

        return sorted(self.elements.values(), key=lambda element: place(element.id))

    def _out(self, id_: str) -> list[Element]:
        return [flow for flow in self.flows if flow.get("sourceRef") == id_]

    def _target(self, flow: Element) -> str:
        target = self.elements.get(flow.get("targetRef"))
        return self._question(target) if target is not None else ""

    def _question(self, element: Element) -> str:
        """A gateway without a name is told by the step before it."""
        if element.tag not in GATEWAYS or element.get("name").strip():
            return self.name(element)
        before = [f.get("sourceRef") for f in self.flows if f.get("targetRef") == element.id]
        if len(before) == 1 and before[0] in self.elements:
            other = self.elements[before[0]]
            if other.tag not in GATEWAYS or len(self._out(other.id)) < 2:
                after = "分头办理" if element.tag == "parallelGateway" else "的判断"
                name = "汇合" if other.tag in GATEWAYS else f"“{self.name(other)}”"
                return f"{name}之后{after}"
        return "汇合" if len(self._out(element.id)) < 2 else self.name(element)

    def _next(self, id_: str) -> list[str]:
        return [
            (f"{way}：" if (way := flow.get("name").strip()) else "") + self._target(flow)
            for flow in self._out(id_)
        ]

    def _others(self, text: str) -> str:
        names = [
            self.name(self.elements[i])
            for i in text.replace(",", " ").split()
            if i in self.elements
        ]
        return f"不得与{'、'.join(names)}同一人" if names else ""

    def _title_of_post(self, text: str) -> str:
        if not text:
            return ""
        return str(self.source.posts.get(text, {}).get("title", text))

    def _when(self, element: Element) -> str:
        for child in element.children:
            if child.space != BPMN or not child.tag.endswith("EventDefinition"):
                continue
            for part in child.children:
                if part.tag in ("timeDate", "timeDuration", "timeCycle", "condition"):
                    working = (KAITONG, "working") in child.attributes
                    working = working or (KAITONG, "working") in element.attributes
                    text = limit_text(self._plain(part.text)) or part.text.strip()
                    return text + ("（工作时间）" if working else "")
            for attribute in ("messageRef", "errorRef", "signalRef", "escalationRef"):
                if reference := child.get(attribute):
                    return self._definition(reference)
        return ""

    def _plain(self, text: str) -> str:
        """The text of a constant, or the default of the parameter it names."""
        text = text.strip().removeprefix("=").strip()
        entry = self.source.parameters.get(text)
        return default_text(entry) if entry is not None else text.strip('"')

    def _definition(self, id_: str) -> str:
        return self.definitions[id_].get("name") or id_ if id_ in self.definitions else id_


def _is_step(element: Element) -> bool:
    return element.tag not in EVENTS and element.tag not in GATEWAYS


def _event_kind(element: Element) -> str:
    for child in element.children:
        if child.space == BPMN and child.tag.endswith("EventDefinition"):
            return child.tag.removesuffix("EventDefinition")
    return ""


def _repeats(element: Element) -> str:
    for child in element.children:
        if child.tag == "multiInstanceLoopCharacteristics":
            return "，逐个" if child.get("isSequential") == "true" else "，同时多个"
        if child.tag == "standardLoopCharacteristics":
            return "，循环"
    return ""


def _for_parts(element: Element) -> bool:
    return any(
        child.attributes.get((KAITONG, "collection")) == "parts"
        for child in element.children
        if child.tag == "multiInstanceLoopCharacteristics"
    )


def documentation(element: Element) -> str:
    return "\n".join(d.text.strip() for d in element.all("documentation") if d.text.strip())


def fields(form: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What a form asks, field by field, in its order."""
    ui = form.get("ui", {})
    required = form.get("required", ())
    order = [*ui.get("order", ()), *form["properties"]]
    for name in dict.fromkeys(n for n in order if n in form["properties"]):
        spec = form["properties"][name]
        labels = ui.get("labels", {}).get(name, {})
        choices = [str(labels.get(str(v), v)) for v in spec.get("enum", ())]
        kind = {
            "boolean": "是／否",
            "integer": "整数",
            "number": "数字",
            "array": "多项",
        }.get(str(spec.get("type", "")), "文字")
        if spec.get("format") == "attachment":
            kind = "照片"
        elif spec.get("format") in ("date", "date-time"):
            kind = "时间"
        yield {
            "title": str(spec.get("title", name)),
            "required": "是"
            if name in required
            else "按情况"
            if name in ui.get("when", {})
            else "",
            "kind": "、".join(choices) or kind,
            "help": str(ui.get("help", {}).get(name, "")),
        }
