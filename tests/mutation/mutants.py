"""The mutants of a module: mutmut's operators and six of our own, applied to every part of its source.

mutmut itself leaves out what is decorated and what stands outside of functions. Here that is where many rules are: the
properties of an exposure, the table of weights, the interlock's conditions. Only annotations, decorators and imports are left out.
"""

from __future__ import annotations

import ast
import difflib
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
from mutmut.mutation.mutators import mutation_operators

LEFT_OUT = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """One change. `was` and `now` are the lines that differ, so that it keeps its name when lines move.

    `function` is the dotted name of the function whose body holds the change, empty when the module has to be imported
    anew for it: outside of functions, in a function inside of another one, and where a body has lost its `super()`.
    """

    module: str
    scope: str
    was: str
    now: str
    nth: int
    function: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What it is known by."""
        return (self.module, self.scope, self.was, self.now, self.nth)

    def __str__(self) -> str:
        nth = f" (no. {self.nth})" if self.nth > 1 else ""
        return f"{self.module} {self.scope}{nth}\n  - {self.was}\n  + {self.now}"


def _negated(node: cst.If | cst.While | cst.CompIf) -> Iterable[cst.CSTNode]:
    """`if x` → `if not x`."""
    inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inner))


def _one_operand(node: cst.BooleanOperation) -> Iterable[cst.CSTNode]:
    """`a and b` → `a`, `b`."""
    for side in (node.left, node.right):
        yield side.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _one_comparison(node: cst.Comparison) -> Iterable[cst.CSTNode]:
    """`a <= b <= c` → `a <= b`."""
    if len(node.comparisons) > 1:
        yield node.with_changes(comparisons=node.comparisons[:-1])


def _dropped(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """A call, an append, a yield or a raise left out."""
    (first,) = node.body if len(node.body) == 1 else (None,)
    text = isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)
    if isinstance(first, cst.Expr | cst.Raise | cst.Continue) and not text:
        yield node.with_changes(body=[cst.Pass()])


def _nothing(node: cst.Return) -> Iterable[cst.CSTNode]:
    """`return x` → `return None`."""
    if node.value is not None and not isinstance(node.value, cst.Name):
        yield node.with_changes(value=cst.Name("None"))


def _one_fewer(node: cst.Set | cst.Dict) -> Iterable[cst.CSTNode]:
    """A set or a table with one of its elements left out."""
    if isinstance(node, cst.Dict) or len(node.elements) > 1:
        for place in range(len(node.elements)):
            yield node.with_changes(elements=[*node.elements[:place], *node.elements[place + 1 :]])


OPERATORS: list[tuple[Any, Any]] = [
    *mutation_operators,
    (cst.If | cst.While | cst.CompIf, _negated),
    (cst.BooleanOperation, _one_operand),
    (cst.Comparison, _one_comparison),
    (cst.SimpleStatementLine, _dropped),
    (cst.Return, _nothing),
    (cst.Set | cst.Dict, _one_fewer),
]


def mutants(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module's source: it compiles, differs from the original, and from every other one."""
    tree = cst.parse_module(source)
    parts = [tree.code_for_node(statement) for statement in tree.body]
    before, after = source.split(parts[0], 1)[0], source[source.rindex(parts[-1]) + len(parts[-1]) :]
    assert before + "".join(parts) + after == source, module
    found: list[Mutant] = []
    known: dict[tuple[str, str, str], int] = {}
    for place, statement in enumerate(tree.body):
        original = compile(parts[place], module, "exec")
        seen = {ast.dump(ast.parse(parts[place]))}
        for scope, function, old, new in _changes(statement):
            part = tree.code_for_node(statement.deep_replace(old, new))
            try:
                meaning = ast.dump(ast.parse(part))
                compiled = compile(part, module, "exec")
            except SyntaxError:
                continue
            if meaning in seen:
                continue
            seen.add(meaning)
            # Without `super()` a body does not close over its class, and cannot be put where one stands that does.
            fits = function and body(compiled, function).co_freevars == body(original, function).co_freevars
            name = (scope, *_lines(parts[place], part))
            known[name] = known.get(name, 0) + 1
            mutated = before + "".join([*parts[:place], part, *parts[place + 1 :]]) + after
            found.append(Mutant(module, *name, known[name], function if fits else "", mutated))
    return found


def body(within: types.CodeType, qualified: str) -> types.CodeType:
    """The code of a function of a module, by its dotted name.

    Raises:
        LookupError: when there is none of this name.
    """
    waiting = [within]
    while waiting:
        code = waiting.pop()
        if code.co_qualname == qualified:
            return code
        waiting.extend(const for const in code.co_consts if isinstance(const, types.CodeType))
    raise LookupError(qualified)


def _changes(top: cst.CSTNode) -> Iterator[tuple[str, str, cst.CSTNode, cst.CSTNode]]:
    """Each change of a statement at the top of a module: scope, function whose body it is in, old node, new node."""
    # node, names around it, function it is in the body of: none is empty, one inside of another is None, since the
    # inner one may have been made on import, where an exchanged body comes too late
    waiting: list[tuple[cst.CSTNode, tuple[str, ...], str | None]] = [(top, (), "")]
    while waiting:
        node, names, function = waiting.pop()
        if isinstance(node, LEFT_OUT) or _is_for_types(node):
            continue
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            names = (*names, node.name.value)
        scope = ".".join(names) or _target(top)
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                yield from ((scope, function or "", node, new) for new in operator(node))
        inside = ".".join(names) if function == "" else None
        for child in reversed(node.children):
            is_body = isinstance(node, cst.FunctionDef) and child is node.body
            waiting.append((child, names, inside if is_body else function))


def _is_for_types(node: cst.CSTNode) -> bool:
    """`if TYPE_CHECKING:`, which never runs; `Value = TypeVar("Value")` and `Value: TypeAlias = …`, which nobody reads."""
    test: cst.CSTNode | None = None
    if isinstance(node, cst.If):
        test = node.test
    elif isinstance(node, cst.AnnAssign):
        test = node.annotation.annotation
    elif isinstance(node, cst.Assign) and isinstance(node.value, cst.Call):
        test = node.value.func
    return isinstance(test, cst.Name) and test.value in {"TYPE_CHECKING", "TypeVar", "ParamSpec", "TypeAlias"}


def _target(statement: cst.CSTNode) -> str:
    """The name that a statement at the top of a module gives to something."""
    for node in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
        if isinstance(node, cst.Assign | cst.AnnAssign):
            target = node.targets[0].target if isinstance(node, cst.Assign) else node.target
            return target.value if isinstance(target, cst.Name) else "module"
    return "module"


def _lines(was: str, now: str) -> tuple[str, str]:
    """The lines that differ, without their indentation."""
    old, new = was.splitlines(), now.splitlines()
    edits = [
        edit for edit in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if edit[0] != "equal"
    ]
    left = [line.strip() for _, start, end, _, _ in edits for line in old[start:end]]
    right = [line.strip() for _, _, _, start, end in edits for line in new[start:end]]
    return " ".join(left), " ".join(right)
