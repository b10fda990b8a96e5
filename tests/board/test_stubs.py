# SPDX-License-Identifier: MIT
"""The type stubs say of each module what the board has: the same names, the same call shapes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import pytest
from microkpu import places
from microkpu.board import RemoteBoard

from .kpu_support import MODEL, FlashImage, give, golden, vector

STUBS = {path.stem: ast.parse(path.read_text()) for path in sorted(places.stubs().glob("*.pyi"))}
# Scripts use these in spite of their names; other names with an underscore are private.
MANGLED = {"__read_reg", "__write_reg"}
# A module makes this name when it is asked for.
LAZY = {"KPU": {"classifier"}}
# What a frozen module keeps for itself.
OWN = {"Maix": {"fft", "kpu_hz", "CPU_MHZ", "HEAP_LEAST", "HEAP_LEAVES"}}
# These pass over arguments that they do not know, as MaixPy's do, or refuse them in own words.
FORGIVING = re.compile(
    r"image\.Image|lcd\.clear"
    r"|sensor\.(snapshot|set_auto|get_|set_lens|set_special|set_jb|flush|binocular)"
)
# Upstream's own module: its names are compared, its calls are upstream's.
UPSTREAM = "machine"
# Classes without a name on the board, by an expression that gives one of them.
OBJECTS = {
    ("KPU", "_Net"): "net",
    ("KPU", "_Yolo2"): "net.net_arg()",
    ("KPU", "_Fmap"): "fm",
    ("KPU", "_Box"): "KPU.run_yolo2(net, x)[0]",
    ("KPU", "_Layer"): "KPU.netinfo(net)[0]",
    ("image", "_Histogram"): "color.get_histogram()",
}
# Objects that make their names when asked; of pictures in colour and in grey.
ATTRIBUTES = {
    ("image", "_Blob"): ("color.find_blobs([()])[0]",),
    ("image", "_Statistics"): ("color.get_statistics()", "gray.get_statistics()"),
    ("image", "_Values"): (
        "color.get_histogram().get_threshold()",
        "gray.get_histogram().get_threshold()",
    ),
}
NAMES = """
def names(of):
    return [n for n in dir(of) if type(getattr(of, n)) is not type(sys)]
"""
SHAPE = """
def shape(call, least, most, given):
    said = []
    for count in given:
        try:
            call(*[0] * count)
        except Exception as e:
            if not any(word in str(e) for word in ('positional', 'arg', 'expected')):
                said.append('%d arguments: %r' % (count, e))
        else:
            said.append('%d arguments are taken' % count)
    return said
"""


@dataclass(frozen=True)
class Call:
    """A function, method or class of a stub, and how many positional arguments it takes."""

    expression: str
    least: int
    most: int | None


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_") or name in MANGLED}


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a stub or a class in it gives."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            yield node.target.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname for alias in node.names if alias.asname)


def classes(module: str) -> list[ast.ClassDef]:
    return [node for node in STUBS[module].body if isinstance(node, ast.ClassDef)]


def counts(functions: list[ast.FunctionDef], bound: int) -> tuple[int, int | None]:
    """How many positional arguments a function takes; several are its overloads."""
    least, most = [], []
    for function in functions:
        a = function.args
        every = len(a.posonlyargs) + len(a.args) - bound
        least.append(every - len(a.defaults))
        most.append(None if a.vararg else every)
    return min(least), None if None in most else max(filter(None, most), default=0)


def methods(module: str, cls: ast.ClassDef) -> Iterator[Call]:
    by_name: dict[str, list[ast.FunctionDef]] = {}
    for node in cls.body:
        if isinstance(node, ast.FunctionDef):
            by_name.setdefault(node.name, []).append(node)
    for name, functions in by_name.items():
        decorators = {ast.unparse(d) for d in functions[0].decorator_list}
        if name == "__init__":
            yield Call(f"{module}.{cls.name}", *counts(functions, 1))
        elif not name.startswith("__"):
            least, most = counts(functions, int("classmethod" in decorators))
            yield Call(f"{module}.{cls.name}.{name}", least, most)


def calls(module: str) -> Iterator[Call]:
    by_name: dict[str, list[ast.FunctionDef]] = {}
    for node in STUBS[module].body:
        if isinstance(node, ast.FunctionDef):
            by_name.setdefault(node.name, []).append(node)
    for name, functions in by_name.items():
        yield Call(f"{module}.{name}", *counts(functions, 0))
    named = [cls for cls in classes(module) if not cls.name.startswith("_")]
    yield from chain.from_iterable(methods(module, cls) for cls in named)


@pytest.mark.parametrize("module", STUBS)
def test_a_modules_names_are_the_stubs(board: RemoteBoard, module: str) -> None:
    board.exec(f"import sys\nimport {module}\n{NAMES}")
    lazy = LAZY.get(module, set())
    for name in lazy:
        assert board.eval(f"hasattr({module}, '{name}')")
    stub = public(list(defined(STUBS[module].body))) - lazy
    found = public(board.eval(f"names({module})")) - lazy - OWN.get(module, set())
    differences = differs(module, stub, found)
    for cls in classes(module):
        if not cls.name.startswith("_"):
            found = public(board.eval(f"names({module}.{cls.name})"))
            differences += differs(f"{module}.{cls.name}", public(list(defined(cls.body))), found)
    assert not differences, "\n".join(differences)


def differs(what: str, stub: set[str], board: set[str]) -> list[str]:
    return [f"{what}.{name} is in the stub alone" for name in sorted(stub - board)] + [
        f"{what}.{name} is on the board alone: write it into the stub"
        for name in sorted(board - stub)
    ]


def test_what_functions_give_has_the_stubs_names(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(
        f"import sys, KPU, image\n{NAMES}\nnet = KPU.load({MODEL})\n"
        "KPU.set_outputs(net, 0, 16, 12, 12)\n"
        "KPU.init_yolo2(net, 0.05, 0.4, 1, (1.5, 2.5))\nfm = KPU.forward(net, x)\n"
        "color = image.Image(size=(8, 8))\ngray = color.to_grayscale(copy=True)"
    )
    hidden = {
        (module, cls.name): public(list(defined(cls.body)))
        for module in STUBS
        for cls in classes(module)
        if cls.name.startswith("_")
    }
    assert hidden.keys() == OBJECTS.keys() | ATTRIBUTES.keys()
    differences: list[str] = []
    for key, expression in OBJECTS.items():
        differences += differs(
            ".".join(key), hidden[key], public(board.eval(f"names({expression})"))
        )
    for key, expressions in ATTRIBUTES.items():
        tests = " or ".join(f"hasattr({expression}, n)" for expression in expressions)
        found = board.eval(f"[n for n in {sorted(hidden[key])} if {tests}]")
        differences += differs(".".join(key), hidden[key], set(found))
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("module", sorted(STUBS.keys() - {UPSTREAM}))
def test_calls_take_as_many_arguments_as_the_stubs_say(board: RemoteBoard, module: str) -> None:
    board.exec(f"import {module}\n{SHAPE}")
    said = []
    for call in calls(module):
        forgiving = FORGIVING.match(call.expression)
        given = [call.least - 1] if call.least and not (forgiving and module == "sensor") else []
        if call.most is not None and not forgiving:
            given.append(call.most + 1)
        wrong = board.eval(f"shape({call.expression}, {call.least}, {call.most}, {given})")
        said += [f"{call.expression} with {text}" for text in wrong]
    assert not said, "\n".join(said)
