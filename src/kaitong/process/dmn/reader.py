"""Reads a DMN file into checked Decisions, or refuses it with every fault: file, line, cell.

DMN 1.2 to 1.5 write what is read here alike. Pictures (the diagram, annotations, knowledge
sources) are left aside; boxed lists, relations, conditionals and functions are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from kaitong.process.bpmn_faults import Faults
from kaitong.process.bpmn_xml import Element, MalformedXml, read
from kaitong.process.dmn.boxed import Context, Entry, Invocation, Logic
from kaitong.process.dmn.cells import CellReader
from kaitong.process.dmn.graph import Decision, Decisions, Knowledge
from kaitong.process.dmn.names import Names, alias
from kaitong.process.dmn.tables import read_table
from kaitong.process.dmn.types import Type, base_type
from kaitong.process.feel import Expression
from kaitong.process.feel.builtins import BUILTINS
from kaitong.process.model import Fault, RefusedProcess

SPACES = frozenset(
    f"{scheme}://www.omg.org/spec/DMN/{version}/MODEL/"
    for scheme in ("http", "https")
    for version in ("20180521", "20191111", "20211108", "20230324")
)
MAX_DECISIONS = 200  # of one file; what requires them is walked depth first
_PICTURES = frozenset(
    {
        "description",
        "extensionElements",
        "textAnnotation",
        "association",
        "group",
        "knowledgeSource",
        "authorityRequirement",
        "performanceIndicator",
        "organizationUnit",
        "elementCollection",
        "question",
        "allowedAnswers",
        "variable",
        "impactedPerformanceIndicator",
        "decisionMaker",
        "decisionOwner",
        "usingProcess",
        "usingTask",
    }
)
_REMEDIES = {
    "list": "Write a FEEL list as a literal expression.",
    "relation": "Write a decision table, or a FEEL list as a literal expression.",
    "functionDefinition": "Use a business knowledge model.",
    "conditional": "Write if ... then ... else ... as a literal expression.",
    "filter": "Write the filter as a literal expression.",
    "decisionService": "Let the business rule task name the decision itself.",
    "import": "Put what is imported into this file.",
}
_OTHERWISE = "Use decision tables, literal expressions, contexts, invocations and models."


# Each process of a playbook is deployed with all of its decisions; nobody changes what is answered.
@lru_cache(maxsize=64)
def parse(data: bytes, file: str) -> Decisions:
    """The decisions of a DMN file; RefusedProcess lists every fault with line and remedy."""
    try:
        root = read(data)
    except MalformedXml as error:
        raise RefusedProcess([Fault(file, error.line, "xml", error.what, error.remedy)]) from None
    try:
        data.decode("utf-8")  # it is kept as text with the processes that use it
    except UnicodeDecodeError:
        fault = Fault(file, 1, "xml", "The file is not UTF-8.", "Save it as UTF-8.")
        raise RefusedProcess([fault]) from None
    reader = _Reader(root, Faults(file))
    decisions = reader.read()
    if decisions is None or reader.faults.found:
        raise RefusedProcess(reader.faults.sorted())
    return decisions


class _Reader:
    def __init__(self, root: Element, faults: Faults) -> None:
        self.root, self.faults = root, faults
        self.space = root.space
        self.by_id: dict[str, Element] = {}

    def read(self) -> Decisions | None:
        if self.root.tag != "definitions" or self.space not in SPACES:
            self.faults.add(
                self.root,
                "This is no DMN file of version 1.2 to 1.5.",
                "Export the decisions as DMN 1.3.",
            )
            return None
        self._index()
        self.names = Names(self._declared())
        self.types = self._item_definitions()
        knowledge = self._all("businessKnowledgeModel")
        decisions = self._all("decision")
        if not decisions:
            self.faults.add(self.root, "The file holds no decision.", "Draw one.")
        if len(decisions) > MAX_DECISIONS:
            self.faults.add(
                self.root, f"The file holds more than {MAX_DECISIONS} decisions.", "Split it."
            )
            return None
        self._acyclic([*decisions, *knowledge])
        if self.faults.found:
            return None  # what cells say makes sense only on a sound graph
        models = {element.id: self._knowledge(element) for element in knowledge}
        made = {element.id: self._decision(element) for element in decisions}
        return Decisions(
            file=self.faults.file,
            name=self.root.get("name"),
            decisions={id_: one for id_, one in made.items() if one is not None},
            knowledge={id_: one for id_, one in models.items() if one is not None},
            names=self.names,
        )

    # ---- the file

    def _children(self, element: Element) -> list[Element]:
        return [child for child in element.children if child.space == self.space]

    def _all(self, tag: str) -> list[Element]:
        return [child for child in self._children(self.root) if child.tag == tag]

    def _first(self, element: Element, tag: str) -> Element | None:
        return next((child for child in self._children(element) if child.tag == tag), None)

    def _index(self) -> None:
        known = {"decision", "inputData", "businessKnowledgeModel", "itemDefinition"}
        named: dict[str, Element] = {}
        for child in self._children(self.root):
            if child.tag not in known | _PICTURES:
                remedy = _REMEDIES.get(child.tag, _OTHERWISE)
                self.faults.add(child, f"Kaitong does not read {child.tag}.", remedy)
                continue
            if child.tag in _PICTURES:
                continue
            if not child.get("name").strip():
                self.faults.add(child, f"The {child.tag} has no name.", "Name it.")
            if child.tag == "itemDefinition":
                continue
            if not child.id:
                self.faults.add(child, f"The {child.tag} has no id.", "Give it one.")
            elif child.id in self.by_id:
                self.faults.add(child, f"The id {child.id} is used before.", "Give it another.")
            self.by_id.setdefault(child.id, child)
            variable = self._variable(child)
            if variable in named:
                what = f"The name {variable} is used before, in line {named[variable].line}."
                self.faults.add(child, what, "Give each input and decision a name of its own.")
            named.setdefault(variable, child)

    def _variable(self, element: Element) -> str:
        holder = self._first(element, "variable")
        return alias((holder.get("name") if holder else "") or element.get("name"))

    def _declared(self) -> Iterator[str]:
        for element in self.root.walk():
            if element.space == self.space and element.tag in (
                "decision", "inputData", "businessKnowledgeModel", "variable", "itemComponent",
                "formalParameter", "output",
            ):  # fmt: skip
                yield element.get("name")

    # ---- types

    def _item_definitions(self) -> dict[str, Type]:
        elements = {e.get("name").strip(): e for e in self._all("itemDefinition")}
        made: dict[str, Type] = {}
        for name in elements:
            self._named_type(name, elements, made, ())
        return made

    def _named_type(
        self,
        name: str,
        elements: Mapping[str, Element],
        made: dict[str, Type],
        inside: tuple[str, ...],
    ) -> Type:
        if name not in made:
            element = elements[name]
            if name in inside:
                self.faults.add(element, f"The type {name} holds itself.", "Break the circle.")
                return Type()
            made[name] = self._definition(element, elements, made, (*inside, name))
        return made[name]

    def _definition(
        self,
        element: Element,
        elements: Mapping[str, Element],
        made: dict[str, Type],
        inside: tuple[str, ...],
    ) -> Type:
        parts = {
            alias(child.get("name")): self._definition(child, elements, made, inside)
            for child in self._children(element)
            if child.tag == "itemComponent"
        }
        base = Type(parts=parts)
        holder = self._first(element, "typeRef")
        if holder is not None:
            name = holder.text.strip()
            found = base_type(name)
            if name in elements:
                base = self._named_type(name, elements, made, inside)
            elif found is None:
                self.faults.add(holder, f"There is no type {name}.", "Define it, or correct.")
            else:
                base = Type(found)
        allowed = self._first(element, "allowedValues")
        tests = None
        if allowed is not None:
            cells = CellReader(self.faults, self.names, frozenset())
            tests = cells.tests(self._text(allowed), element.label)
        return replace(
            base,
            allowed=tests or base.allowed,
            collection=base.collection or element.get("isCollection") == "true",
        )

    def type_of(self, element: Element | None) -> Type:
        """What `typeRef` names; a type nobody knows is a fault."""
        reference = element.get("typeRef").strip() if element is not None else ""
        found = base_type(reference)
        if reference in self.types:
            return self.types[reference]
        if found is None and element is not None:
            self.faults.add(element, f"There is no type {reference}.", "Define it, or correct.")
        return Type(found or "")

    def _text(self, holder: Element) -> Element:
        """The element that holds an expression's text."""
        found = self._first(holder, "text")
        return holder if found is None else found

    # ---- requirements

    def _required(self, element: Element) -> dict[str, list[str]]:
        """What an element requires, by tag: ids without their leading #."""
        found: dict[str, list[str]] = {}
        for child in self._children(element):
            if child.tag not in ("informationRequirement", "knowledgeRequirement"):
                continue
            for holder in self._children(child):
                reference = holder.get("href").strip().removeprefix("#")
                kinds = {
                    "requiredInput": "inputData",
                    "requiredDecision": "decision",
                    "requiredKnowledge": "businessKnowledgeModel",
                }
                wanted = kinds.get(holder.tag)
                target = self.by_id.get(reference)
                if wanted is None:
                    continue
                if target is None or target.tag != wanted:
                    what = f"{element.get('name')} requires {reference or 'nothing'}, which is no"
                    self.faults.add(
                        holder, f"{what} {wanted} of this file.", "Draw it, or correct the href."
                    )
                    continue
                found.setdefault(wanted, []).append(reference)
        return found

    def _acyclic(self, elements: list[Element]) -> None:
        requires = {
            element.id: [
                id_
                for kind, ids in self._required(element).items()
                if kind != "inputData"
                for id_ in ids
            ]
            for element in elements
        }
        done: set[str] = set()
        for start in requires:
            waiting: list[tuple[str, bool]] = [(start, False)]
            inside: set[str] = set()
            while waiting:
                at, leaving = waiting.pop()
                if leaving:
                    inside.discard(at)
                    done.add(at)
                elif at in inside:
                    element = self.by_id[at]
                    what = f"{element.get('name')} requires itself, by way of others."
                    self.faults.add(element, what, "Break the circle.")
                    return
                elif at not in done:
                    inside.add(at)
                    waiting.append((at, True))
                    waiting.extend((id_, False) for id_ in requires.get(at, ()))

    # ---- decisions and models

    def _functions(self, ids: list[str]) -> frozenset[tuple[str, int]]:
        found = set()
        for id_ in ids:
            logic = self._first(self.by_id[id_], "encapsulatedLogic")
            children = self._children(logic) if logic is not None else []
            count = sum(child.tag == "formalParameter" for child in children)
            found.add((self._variable(self.by_id[id_]), count))
        return frozenset(found)

    def _decision(self, element: Element) -> Decision | None:
        required = self._required(element)
        inputs = {
            self._variable(self.by_id[id_]): self.type_of(self._first(self.by_id[id_], "variable"))
            for id_ in required.get("inputData", [])
        }
        known = set(inputs)
        known |= {self._variable(self.by_id[id_]) for id_ in required.get("decision", [])}
        knowledge = required.get("businessKnowledgeModel", [])
        functions = self._functions(knowledge)
        cells = CellReader(
            self.faults,
            self.names,
            functions,
            # a table drawn without its requirements reads whatever variables it names
            known | {name for name, _ in functions} if known else None,
        )
        logic = self._logic(element, cells)
        variable = self._first(element, "variable")
        type_ = self.type_of(variable)
        if logic is None:
            return None
        if not isinstance(logic, Expression) and logic.gives_list:
            type_ = replace(type_, collection=True)
        return Decision(
            id=element.id,
            name=element.get("name").strip(),
            variable=self._variable(element),
            logic=logic,
            type=type_,
            inputs=inputs,
            requires=tuple(required.get("decision", [])),
            knowledge=tuple(knowledge),
        )

    def _knowledge(self, element: Element) -> Knowledge | None:
        name = self._variable(element)
        if name in BUILTINS:
            self.faults.add(element, f"{name} is a function of FEEL.", "Give it another name.")
        holder = self._first(element, "encapsulatedLogic")
        if holder is None:
            self.faults.add(element, f"{name} has no logic.", "Write it.")
            return None
        if holder.get("kind", "FEEL") not in ("FEEL", "F"):
            self.faults.add(holder, f"{name} is no FEEL function.", "Write it in FEEL.")
        parameters = [c for c in self._children(holder) if c.tag == "formalParameter"]
        required = self._required(element).get("businessKnowledgeModel", [])
        functions = self._functions(required)
        known = {alias(parameter.get("name")) for parameter in parameters}
        known |= {function for function, _ in functions}
        logic = self._logic(holder, CellReader(self.faults, self.names, functions, known), element)
        if logic is None:
            return None
        return Knowledge(
            name=name,
            parameters=tuple(alias(parameter.get("name")) for parameter in parameters),
            types=tuple(self.type_of(parameter) for parameter in parameters),
            logic=logic,
            requires=tuple(required),
        )

    def _logic(
        self, element: Element, cells: CellReader, owner: Element | None = None
    ) -> Logic | None:
        owner = owner or element
        skipped = _PICTURES | {"informationRequirement", "knowledgeRequirement"}
        skipped |= {"formalParameter", "parameter"}
        found = [child for child in self._children(element) if child.tag not in skipped]
        for child in found:
            if child.tag == "decisionTable":
                return read_table(child, owner.get("name"), cells, self)
            if child.tag == "literalExpression":
                return cells.expression(self._text(child), f"{owner.tag} {owner.get('name')}")
            if child.tag == "context":
                return self._context(child, cells, owner)
            if child.tag == "invocation":
                return self._invocation(child, cells, owner)
            remedy = _REMEDIES.get(child.tag, _OTHERWISE)
            self.faults.add(child, f"Kaitong does not evaluate {child.tag}.", remedy)
            return None
        what = f"{owner.get('name')} has no logic."
        self.faults.add(owner, what, "Give it a decision table or a literal expression.")
        return None

    def _context(self, element: Element, cells: CellReader, owner: Element) -> Context | None:
        """Entries by name, each known to those after it; the one without a name is the outcome."""
        entries: list[Entry] = []
        result: Logic | None = None
        found = [child for child in self._children(element) if child.tag == "contextEntry"]
        for at, child in enumerate(found, 1):
            variable = self._first(child, "variable")
            logic = self._logic(child, cells, owner)
            if logic is None:
                return None
            if variable is None:
                if at < len(found):
                    what = "An entry without a name stands before others."
                    self.faults.add(child, what, "Name it, or make it the last.")
                result = logic
                continue
            name = alias(variable.get("name"))
            if not name or any(entry.name == name for entry in entries):
                what = f"The entry {name} stands twice." if name else "An entry has an empty name."
                self.faults.add(child, what, "Give each entry a name of its own.")
            entries.append(Entry(name, logic, self.type_of(variable)))
            known = None if cells.known is None else cells.known | {name}
            cells = CellReader(self.faults, self.names, cells.functions, known)
        if not found:
            self.faults.add(element, "The context has no entry.", "Write one.")
        return Context(tuple(entries), result)

    def _invocation(self, element: Element, cells: CellReader, owner: Element) -> Invocation | None:
        called = self._first(element, "literalExpression")
        name = alias(self._text(called).text) if called is not None else ""
        if name not in {function for function, _count in cells.functions}:
            what = f"{owner.get('name')} invokes {name or 'nothing'}, which it does not require."
            self.faults.add(element, what, "Draw the requirement, or correct the name.")
            return None
        bound: dict[str, Logic | None] = {}
        for child in self._children(element):
            if child.tag == "binding":
                parameter = self._first(child, "parameter")
                text = alias(parameter.get("name")) if parameter is not None else ""
                bound[text] = self._logic(child, cells, owner)
        model = next(e for e in self._all("businessKnowledgeModel") if self._variable(e) == name)
        holder = self._first(model, "encapsulatedLogic")
        children = self._children(holder) if holder is not None else []
        wanted = [alias(c.get("name")) for c in children if c.tag == "formalParameter"]
        if sorted(bound) != sorted(wanted):
            what = f"{name} takes {', '.join(wanted) or 'nothing'}, not {', '.join(bound)}."
            self.faults.add(element, what, "Bind each parameter once.")
            return None
        made = [(parameter, bound[parameter]) for parameter in wanted]
        if any(logic is None for _parameter, logic in made):
            return None
        return Invocation(name, tuple(Entry(p, logic) for p, logic in made if logic is not None))
