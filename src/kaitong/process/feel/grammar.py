"""The grammar of the FEEL subset (DMN 1.3, 10.3.1.2) for lark's LALR parser.

S-FEEL with what gateways and mappings need: conditionals, quantifiers, `for`, lists, contexts,
filters, ranges, `between` and `in`. Left out: function definitions, `instance of`, named arguments
and names with blanks (write an underscore).
"""

from __future__ import annotations

from functools import lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from kaitong.process.feel.builtins import BUILTINS
from kaitong.process.feel.errors import MAX_LENGTH, FeelError

_SPACED = "|".join(
    sorted((name.replace(" ", r"\s+") for name in BUILTINS if " " in name), key=len, reverse=True)
)

_GRAMMAR = rf"""
start: expression
unary_tests: _tests

?expression: "if" expression "then" expression "else" expression -> conditional
    | "some" NAME "in" expression "satisfies" expression -> some
    | "every" NAME "in" expression "satisfies" expression -> every
    | "for" NAME "in" expression "return" expression -> loop
    | disjunction
?disjunction: conjunction
    | conjunction ("or" conjunction)+ -> disjunction
?conjunction: comparison
    | comparison ("and" comparison)+ -> conjunction
?comparison: additive
    | additive COMPARE additive -> compare
    | additive "between" additive "and" additive -> between
    | additive "in" additive -> member
    | additive "in" _directed -> member
_directed: operator_test | outer_range
?additive: multiplicative
    | additive SUM multiplicative -> arithmetic
?multiplicative: power
    | multiplicative PRODUCT power -> arithmetic
?power: unary
    | power POWER unary -> arithmetic
?unary: postfix
    | SUM unary -> sign
?postfix: atom
    | postfix "." NAME -> path
    | postfix "[" expression "]" -> filter
?atom: literal
    | NAME -> name
    | call
    | "(" _tests ")" -> paren
    | range
    | "[" [expression ("," expression)*] "]" -> list
    | "{{" [entry ("," entry)*] "}}" -> context
?literal: NUMBER -> number
    | STRING -> string
    | "true" -> true
    | "false" -> false
    | "null" -> null
    | "@" STRING -> at
call: (NAME | SPACED) "(" [_tests] ")"
entry: (NAME | STRING) ":" expression

_tests: test ("," test)*
?test: expression | operator_test | outer_range
operator_test: COMPARE additive
!range: ("(" | "[") additive ".." endpoint ("]" | ")" | "[")
!outer_range: "]" additive ".." endpoint ("]" | ")" | "[")
?endpoint: literal
    | SUM NUMBER -> sign
    | NAME ("." NAME)* -> names
    | call
    | "(" expression ")"

COMPARE: /!=|<=|>=|=|<|>/
SUM: /[+-]/
POWER: "**"
PRODUCT: /\*(?!\*)|\/(?![\/*])/
NUMBER: /(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?/
STRING: /"(\\.|[^"\\\n])*"/
SPACED.2: /({_SPACED})(?=\s*\()/
NAME: /[^\W\d]\w*|\?/
COMMENT: /\/\/[^\n]*/ | /\/\*(.|\n)*?\*\//
%ignore /[\s\u3000]+/
%ignore COMMENT
"""

_START_UNARY = "unary_tests"
_HINTS = (
    ("==", "FEEL compares with a single `=`."),
    ("&&", "FEEL says `and`."),
    ("||", "FEEL says `or`."),
    ("!(", "FEEL says `not(...)`."),
    ("${", "Write the expression without `${` and `}`."),
    ("'", 'Strings stand in double quotes: "...".'),
    ("“", 'Strings stand in straight double quotes: "...".'),
    ("”", 'Strings stand in straight double quotes: "...".'),
    ("True", "Truth values are `true` and `false`."),
)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        start=["start", _START_UNARY],
        propagate_positions=True,
        maybe_placeholders=False,
    )


def parse(text: str, *, unary: bool = False) -> Tree[Token]:
    """The syntax tree of an expression (or of unary tests); FeelError names the place."""
    if len(text) > MAX_LENGTH:
        raise FeelError(f"the expression is longer than {MAX_LENGTH} characters", text=text)
    for at, char in enumerate(text):
        if char == "\x00" or "\ud800" <= char <= "\udfff":
            line = text.count("\n", 0, at) + 1
            column = at - text.rfind("\n", 0, at)
            what = "a character that no text can hold"
            raise FeelError(what, text=text, line=line, column=column)
    if not text.strip():
        raise FeelError("the expression is empty", text=text)
    try:
        return _parser().parse(text, start=_START_UNARY if unary else "start")
    except UnexpectedCharacters as error:
        raise _fault(text, error, f"`{error.char}` is not expected here") from None
    except UnexpectedToken as error:
        what = "the expression ends too early"
        if error.token.type != "$END":
            what = f"`{error.token}` is not expected here"
        raise _fault(text, error, what) from None


def _fault(text: str, error: UnexpectedInput, what: str) -> FeelError:
    hint = next((hint for sign, hint in _HINTS if sign in text), "")
    line, column = error.line, error.column
    if getattr(error, "token", None) is not None and error.token.type == "$END":  # type: ignore[attr-defined]
        line = text.count("\n") + 1
        column = len(text) - (text.rfind("\n") + 1) + 1
    return FeelError(f"{what}. {hint}".rstrip(), text=text, line=line, column=column)
