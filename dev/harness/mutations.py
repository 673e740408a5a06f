"""Small changes to a source file: cosmic-ray's, and those that it does not know.

Run by the virtual environment's Python, which has cosmic-ray.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import parso
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from parso.python.tree import Function, Keyword, Name, String

CORE = """
AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd
ReplaceBreakWithContinue ReplaceContinueWithBreak ExceptionReplacer NumberReplacer
RemoveDecorator ZeroIterationForLoop
ReplaceUnaryOperator_Delete_Not ReplaceUnaryOperator_Delete_USub
ReplaceComparisonOperator_Eq_NotEq ReplaceComparisonOperator_NotEq_Eq
ReplaceComparisonOperator_Lt_LtE ReplaceComparisonOperator_Lt_Gt
ReplaceComparisonOperator_LtE_Lt ReplaceComparisonOperator_LtE_Gt
ReplaceComparisonOperator_Gt_GtE ReplaceComparisonOperator_Gt_Lt
ReplaceComparisonOperator_GtE_Gt ReplaceComparisonOperator_GtE_Lt
ReplaceComparisonOperator_Is_IsNot ReplaceComparisonOperator_IsNot_Is
ReplaceBinaryOperator_Add_Sub ReplaceBinaryOperator_Sub_Add ReplaceBinaryOperator_Mul_Div
ReplaceBinaryOperator_Div_Mul ReplaceBinaryOperator_FloorDiv_Mul
ReplaceBinaryOperator_Mod_Mul ReplaceBinaryOperator_Pow_Mul
ReplaceBinaryOperator_BitOr_BitAnd ReplaceBinaryOperator_BitAnd_BitOr
"""
"""One or two changes at each place, where cosmic-ray would try up to eleven."""
WORDS = {"min": "max", "max": "min", "any": "all", "all": "any"}
COMPARISONS = {"=": "!=", "!=": "=", "in": "not in", "not in": "in", "<": "<=", ">": ">="}
"""Operators of a domain."""
SQL_WORDS = {
    r"\bAND\b": "OR",
    r"\bOR\b": "AND",
    r"\bNOT IN\b": "IN",
    r"\bIS NOT NULL\b": "IS NULL",
    r"\bIS NULL\b": "IS NOT NULL",
    r"\bIS NOT DISTINCT\b": "IS DISTINCT",
    r"(?<![<>=!])<(?!=)": "<=",
    r"(?<![<>=!])>(?!=)": ">=",
    r"<=": "<",
    r">=": ">",
    r"(?<![<>=!])=(?![>])": "<>",
    r" \+ ": " - ",
    r" - ": " + ",
    r"\bGREATEST\b": "LEAST",
    r"\bLIKE\b": "NOT LIKE",
    r"(?<!NOT )\bEXISTS\b": "NOT EXISTS",
    r"(?<![\w%.'])\d+(?![\w%.])": "7",
}
IS_SQL = re.compile(r"\b(SELECT|UPDATE|DELETE|INSERT|WHERE|user_id = %s|> %s)\b")
HARMLESS_DECORATORS = (
    "@api.model",
    "@api.depends",
    "@api.autovacuum",
    "@property",
    "@classmethod",
    "@staticmethod",
    "@contextmanager",
    "@functools",
    "@ormcache",
)
"""Without them Odoo does not start, or nothing but the speed changes."""
TEXTS = ("env._(", "_logger.", "fields.", "logging.")


class RemoveStatement(Operator):
    """Leave out a call, a ``raise``, an early ``return``, or what is stored in an object."""

    def mutation_positions(self, node):
        if node.type == "simple_stmt" and _has_effect(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        statement = node.children[0]
        blank = "\n" * statement.get_code(include_prefix=False).count("\n")
        new = parso.parse("pass" + blank.replace("\n", ";\\\npass")).children[0]
        prefix = statement.get_first_leaf().prefix
        node.children[0] = new
        new.get_first_leaf().prefix = prefix
        return node

    @classmethod
    def examples(cls):
        return ()


def _has_effect(statement):
    if statement.type in ("atom_expr", "raise_stmt", "del_stmt"):
        return True
    if statement.type == "return_stmt":
        return statement.parent.parent.type == "suite" and not isinstance(
            statement.parent.parent.parent, Function
        )
    if statement.type == "expr_stmt":
        target, sign = statement.children[0], statement.children[1]
        return target.type == "atom_expr" or getattr(sign, "value", "=") != "="
    return False


class _Words(Operator):
    """Replace a word, or one in a text, by one that means something else."""

    def mutation_positions(self, node):
        for _ in self.choices(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.value = list(self.choices(node))[index]
        return node

    @classmethod
    def examples(cls):
        return ()


class ReplaceWord(_Words):
    def choices(self, node):
        if isinstance(node, Name) and node.value in WORDS:
            trailer = node.get_next_sibling() or (
                node.parent.type == "trailer" and node.parent.get_next_sibling()
            )
            called = trailer and trailer.type == "trailer" and trailer.children[0].value == "("
            if called:
                yield WORDS[node.value]
        if isinstance(node, Keyword) and node.value == "in" and node.parent.type == "comparison":
            yield "not in"
        if node.type == "string" and node.value[1:-1] in COMPARISONS:
            yield f'"{COMPARISONS[node.value[1:-1]]}"'


class RemoveNotIn(Operator):
    def mutation_positions(self, node):
        if node.type == "comp_op" and node.children[0].value == "not":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.children[0].value = ""
        return node

    @classmethod
    def examples(cls):
        return ()


class ReplaceInSql(_Words):
    def choices(self, node):
        if not isinstance(node, String) or not IS_SQL.search(node.value):
            return
        if node.value.startswith(('"""', "'''")) and node.parent.type == "simple_stmt":
            return
        for pattern, new in SQL_WORDS.items():
            for found in re.finditer(pattern, node.value):
                yield node.value[: found.start()] + new + node.value[found.end() :]


OPERATORS = {f"core/{name}": get_operator(f"core/{name}")() for name in CORE.split()} | {
    f"ours/{kind.__name__}": kind()
    for kind in (RemoveStatement, ReplaceWord, RemoveNotIn, ReplaceInSql)
}


@dataclass(frozen=True)
class Mutation:
    """One change; ``line`` is where it is, ``function`` in which function of its file."""

    file: str
    operator: str
    occurrence: int
    line: int
    function: str
    first_line: int
    last_line: int
    inside: bool
    """It changes the body of a function, rather than what is run on import."""

    @property
    def name(self):
        return f"{self.file}:{self.line}:{self.operator.partition('/')[2]}:{self.occurrence}"

    def apply(self, source):
        return mutate_code(source, OPERATORS[self.operator], self.occurrence)


class _Collector(Visitor):
    def __init__(self):
        self.found = []
        self._counts = Counter()

    def visit(self, node):
        for name, operator in OPERATORS.items():
            for start, _end in operator.mutation_positions(node):
                self.found.append((name, self._counts[name], node, start))
                self._counts[name] += 1
        return node


def mutations_of(root, file):
    """Return the mutations of a file worth trying: in a function, or of a constant."""
    source = Path(root, file).read_text()
    functions = list(_functions(ast.parse(source)))
    collector = _Collector()
    collector.walk(get_ast(source))
    found = []
    for operator, occurrence, node, (line, _column) in collector.found:
        if _is_about_texts(node) or _is_annotation(node):
            continue
        decorator = operator.endswith("RemoveDecorator")
        if decorator and node.get_code().strip().startswith(HARMLESS_DECORATORS):
            continue
        place = _place(functions, line)
        name, first, body, last = place or (_constant(node), 0, 0, 0)
        if name:
            inside = bool(place) and line >= body and not decorator
            found.append(Mutation(file, operator, occurrence, line, name, first, last, inside))
    return found


def _functions(tree, prefix=""):
    """Yield ``(name, first line, first line of the body, last line)``; not those inside one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield prefix + node.name, first, node.body[0].lineno, node.end_lineno


def _place(functions, line):
    return next((one for one in functions if one[1] <= line <= one[3]), None)


def _constant(node):
    """Return the name of the constant at the top of the file that ``node`` is part of."""
    while node and node.type != "expr_stmt":
        node = node.parent
    if not node or node.parent.parent.type != "file_input":
        return None
    target = node.children[0]
    return target.value if target.type == "name" else None


def _is_about_texts(node):
    while node and node.type not in ("suite", "file_input"):
        if node.type == "atom_expr":
            code = node.get_code(include_prefix=False)
            if any(code.startswith(text) or f".{text}" in code[:40] for text in TEXTS):
                return True
        node = node.parent
    return False


def _is_annotation(node):
    return any(
        parent.type in ("annassign", "import_from") for parent in (node, node.parent) if parent
    )
