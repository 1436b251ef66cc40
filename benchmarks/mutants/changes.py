"""The kinds of change, on the text of a module: the rest of the file stays as it is, so a difference reads well."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitAnd: ("&", "|"),
}
SWAPS = {
    **{"min": "max", "amin": "amax", "minimum": "maximum", "argmin": "argmax", "any": "all", "floor": "ceil"},
    **{"sum": "mean", "cumsum": "cumprod", "nanmin": "nanmax", "zeros_like": "ones_like", "zeros": "ones"},
}
SWAPS |= {new: old for old, new in SWAPS.items()}
LEFT_OUT = ("abs", "clamp", "clamp_", "clip", "copy", "exp", "log", "log1p", "round", "sorted", "sqrt")
WITHOUT_EFFECT = ("device", "dtype", "stacklevel", "encoding", "strict", "bound")
"""Arguments that change nothing that a test on this machine could see, or only what the types see."""


@dataclass(frozen=True)
class Change:
    """Bytes ``start`` to ``stop`` of the module at ``path``, in the statement on ``lines``, become ``new``."""

    path: str
    lines: tuple[int, int]
    start: int
    stop: int
    new: str
    kind: str


def changes(path: str, source: str) -> list[Change]:
    """Every change to one module, each once, in the order of its place."""
    found = {(c.start, c.stop, c.new): c for c in _Finder(path, source).walk(ast.parse(source))}
    return [found[key] for key in sorted(found)]


def apply(source: str, change: Change) -> str:
    """The module with the change."""
    text = source.encode()
    return (text[: change.start] + change.new.encode() + text[change.stop :]).decode()


class _Finder:
    def __init__(self, path: str, source: str) -> None:
        self.path, self.bytes = path, source.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.lines = (1, 1)

    def walk(self, node: ast.AST) -> Iterator[Change]:
        """The changes within ``node``, but for annotations, decorators, messages and what only the types read."""
        if isinstance(node, ast.stmt):
            self.lines = self._lines(node)
        yield from self._at(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                quiet = isinstance(child, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom)
                quiet |= isinstance(child, ast.keyword) and child.arg in WITHOUT_EFFECT
                if isinstance(child, ast.AST) and not quiet and not _for_types(child):
                    yield from self.walk(child)

    def _at(self, node: ast.AST) -> Iterator[Change]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                yield self._between(left, right, *COMPARISONS[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC and not _textual(node):
                yield self._between(left, right, *ARITHMETIC[type(op)])
            case ast.BoolOp(op=op, values=[left, right, *_]):
                yield self._between(left, right, *(("and", "or") if isinstance(op, ast.And) else ("or", "and")))
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
                yield self._replace(node, self._text(operand), "operator left out")
            case ast.Constant(value=bool() as value):
                yield self._replace(node, str(not value), "constant")
            case ast.Constant(value=int() as value):
                yield self._replace(node, str(value + 1), "constant")
            case ast.Constant(value=float() as value):
                yield self._replace(node, repr(2 * value or 1.0), "constant")
            case ast.Call():
                yield from self._call(node)
            case ast.IfExp(body=body, orelse=orelse):
                yield self._replace(node, self._text(body), "branch")
                yield self._replace(node, self._text(orelse), "branch")
            case ast.If(test=test, body=body):
                if isinstance(body[0], ast.Raise):
                    yield self._make(*self._span(body[0]), "pass", "statement left out")
                else:
                    yield self._replace(test, f"not ({self._text(test)})", "branch")
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Continue() | ast.Break() | ast.Delete():
                yield self._replace(node, "pass", "statement left out")
            case ast.FunctionDef(body=body):
                yield from self._arguments(node)
                yield from self._again(body, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)})
            case ast.For(body=body):
                yield from self._again(body, set())

    def _call(self, node: ast.Call) -> Iterator[Change]:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in SWAPS:
            stop = self._span(node.func)[1]
            yield self._make(stop - len(name), stop, SWAPS[name], "function")
        if name in LEFT_OUT and (node.args or isinstance(node.func, ast.Attribute)):
            module = isinstance(node.func, ast.Name) or getattr(node.func.value, "id", "") in ("torch", "np", "math")
            if not module or node.args:
                yield self._replace(node, self._text(node.args[0] if module else node.func.value), "call left out")
        for argument in node.keywords:
            if argument.arg and argument.arg not in WITHOUT_EFFECT:
                shorter = ast.Call(node.func, node.args, [k for k in node.keywords if k is not argument])
                yield self._replace(node, ast.unparse(shorter), f"argument {argument.arg} left out")

    def _arguments(self, node: ast.FunctionDef) -> Iterator[Change]:
        """Arguments that have a default, ignored."""
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        positional = node.args.posonlyargs + node.args.args
        pairs = [*zip(positional[::-1], node.args.defaults[::-1], strict=False)]
        pairs += [*zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
        for argument, default in pairs:
            if default is not None and argument.arg not in WITHOUT_EFFECT:
                new = f"{argument.arg} = {self._text(default)}; "
                if isinstance(first, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.FunctionDef):
                    new = new[:-2] + "\n" + " " * first.col_offset
                start = self._span(first)[0]
                yield Change(self.path, self._lines(first), start, start, new, f"argument {argument.arg} ignored")

    def _again(self, body: list[ast.stmt], known: set[str]) -> Iterator[Change]:
        """Assignments to names that have a value already, left out: a clamp, a rescaling, a running maximum."""
        for statement in body:
            if isinstance(statement, ast.Assign):
                names = {n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
                if names and names <= known:
                    span, lines = self._span(statement), self._lines(statement)
                    yield Change(self.path, lines, *span, "pass", "statement left out")
                known |= names

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Change:
        start, stop = self._span(left)[1], self._span(right)[0]
        text = self.bytes[start:stop].decode()
        return self._make(start, stop, text.replace(old, new, 1), f"{old} is {new}")

    def _replace(self, node: ast.expr | ast.stmt, new: str, kind: str) -> Change:
        return self._make(*self._span(node), new, kind)

    def _make(self, start: int, stop: int, new: str, kind: str) -> Change:
        return Change(self.path, self.lines, start, stop, new, kind)

    def _lines(self, node: ast.stmt) -> tuple[int, int]:
        """A statement's first and last line, without the statements within it."""
        body = getattr(node, "body", None)
        return node.lineno, max(node.lineno, body[0].lineno - 1 if body else node.end_lineno or node.lineno)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        begin, end = self.starts[node.lineno - 1], self.starts[(node.end_lineno or node.lineno) - 1]
        return begin + node.col_offset, end + (node.end_col_offset or 0)

    def _text(self, node: ast.expr) -> str:
        start, stop = self._span(node)
        text = self.bytes[start:stop].decode()
        return text if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Constant) else f"({text})"


def _textual(node: ast.BinOp) -> bool:
    """Whether a sum or product is one of texts."""
    sides = (node.left, node.right)
    return any(isinstance(s, ast.JoinedStr) or isinstance(getattr(s, "value", None), str) for s in sides)


def _for_types(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):  # __all__, Alias = Literal[…]
        return any(isinstance(t, ast.Name) and t.id.startswith("__") for t in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in ("Literal", "ClassVar", "Float", "Int")
