"""List the public surface of wasmcloud_ctl: one line for each name, attribute, method and argument.

    python tests/product/surface.py            # print the surface
    python tests/product/surface.py --update   # write it to surface.txt, which test_surface.py compares

Public is what can be imported from ``wasmcloud_ctl`` itself, and what the reference documents elsewhere. Underscore
names, private base classes and the constructors of objects that only the library makes are not public.

Annotations are printed as bare names, without modules and aliases, so that moving a class changes nothing here. The
script needs nothing but the package, so that it can list an older version too: run it with that version's Python.
"""

from __future__ import annotations

import ast
import dis
import enum
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

PACKAGE = "wasmcloud_ctl"
SNAPSHOT = Path(__file__).with_suffix(".txt")

# Names that the reference documents under the module that holds them, besides those of the top level.
DOCUMENTED = {
    "wasmcloud_ctl.graph": ["LatticeGraph"],
    "wasmcloud_ctl.live": None,
    "wasmcloud_ctl.models": ["Model"],
    "wasmcloud_ctl.testing": None,  # all of __all__
    "wasmcloud_ctl.testing.plugin": ["make_practice_lattice", "practice_lattice", "practice_server"],
    "wasmcloud_ctl.wadm": None,
}

# Modules from which names of the top level can be imported, too.
PUBLIC_MODULES = ["wasmcloud_ctl.events", "wasmcloud_ctl.exceptions", "wasmcloud_ctl.models"]

# Names that can be imported from the top level only, wherever their class happens to be.
TOP_LEVEL_ONLY = {"EventReceiver"}

# Objects that the library makes. Their attributes and methods are public, their constructors are not.
MADE_BY_THE_LIBRARY = {
    "Changes",
    "Client",
    "Command",
    "CtlResponse",
    "EventReceiver",
    "Inventories",
    "LatticeView",
    "PracticeHost",
    "PracticeRegistry",
    "PracticeWadm",
    "Replies",
    "StatusReceiver",
    "Undecodable",
    "WadmClient",
}

# Members that the reference leaves out. The methods of Claims existed up to version 0.1.0.
UNDOCUMENTED = {
    ("Claims", "answered"),
    ("Claims", "in_events_of_components"),
    ("Claims", "in_events_of_providers"),
    ("Claims", "stored"),
    ("EventReceiver", "make_item"),
    ("PracticeHost", "simulated"),
    ("PracticeRegistry", "pull"),
    ("StatusReceiver", "make_item"),
}

# Protocols in lower layers that stand for a class of a higher one.
PROTOCOLS = {"LatticeClient": "Client"}

KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional-only argument ",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "argument ",
    inspect.Parameter.VAR_POSITIONAL: "arguments *",
    inspect.Parameter.KEYWORD_ONLY: "keyword ",
    inspect.Parameter.VAR_KEYWORD: "keywords **",
}

# What operators and built-in functions can do with an object.
OPERATORS = [
    "__bool__",
    "__call__",
    "__contains__",
    "__copy__",
    "__enter__",
    "__eq__",
    "__exit__",
    "__getitem__",
    "__hash__",
    "__iter__",
    "__len__",
    "__next__",
    "__repr__",
    "__reversed__",
    "__str__",
    "_repr_html_",
    "_repr_pretty_",
]


def meaning_of(name: str, module_name: str) -> Any:
    """Return what a name in an annotation stands for: in that module, else in any other one of the package."""
    others = [other for other in sorted(sys.modules) if other.partition(".")[0] == PACKAGE]
    for candidate in [module_name, *others]:
        if name in vars(sys.modules[candidate]):
            return vars(sys.modules[candidate])[name]
    return None


class BareNames(ast.NodeTransformer):
    """Rewrites annotations: ``Link`` for ``models.Link``, ``X | None`` for ``Optional[X]``, an alias as its value."""

    def __init__(self, module_name: str) -> None:
        self.module_name = module_name

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self.visit_Name(ast.Name(node.attr))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        meaning = meaning_of(node.id, self.module_name)
        if isinstance(meaning, type) and not hasattr(meaning, "__origin__"):
            return ast.Name(PROTOCOLS.get(meaning.__name__, meaning.__name__))
        if hasattr(meaning, "__args__"):
            return ast.parse(annotation_text(meaning, self.module_name), mode="eval").body
        return ast.Name(node.id)

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, str):  # an annotation in quotes
            return self.visit(ast.parse(node.value, mode="eval").body)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = ast.unparse(self.visit(node.value))
        if name == "Literal":
            return ast.Subscript(ast.Name("Literal"), node.slice)
        inside = self.visit(node.slice)
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if name in ("Optional", "Union"):
            texts = [*map(ast.unparse, parts), *(["None"] if name == "Optional" else [])]
            return ast.parse(" | ".join(texts), mode="eval").body
        return ast.Subscript(ast.Name(name), inside)


def annotation_text(annotation: Any, module_name: str) -> str:
    """Return an annotation as text with bare names, whether it is a string, a class or a generic."""
    if hasattr(annotation, "__metadata__"):  # Annotated: the library's own checks, no matter to a caller
        annotation = annotation.__origin__
    if annotation is None or annotation is type(None):
        text = "None"
    elif isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        text = annotation.__name__
    elif hasattr(annotation, "__forward_arg__"):
        text = annotation.__forward_arg__
    else:
        text = (
            annotation if isinstance(annotation, str) else repr(annotation).replace("~", "").replace("+", "")
        )
    return ast.unparse(BareNames(module_name).visit(ast.parse(text, mode="eval").body))


def typed_dict_keys(annotation: str, module_name: str) -> list[str] | None:
    """Return the keyword arguments that ``Unpack[SomeTypedDict]`` stands for, or None for anything else."""
    if not annotation.startswith("Unpack["):
        return None
    options = meaning_of(annotation[len("Unpack[") : -1], module_name)
    if not hasattr(options, "__required_keys__"):
        return None
    return [
        f"{key}: {annotation_text(hint, options.__module__)}"
        for key, hint in sorted(options.__annotations__.items())
    ]


def signature_lines(function: Any) -> Iterator[str]:
    """Yield one line for each argument, in order, and one for what is returned."""
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        line = f"{KINDS[parameter.kind]}{parameter.name}"
        if parameter.annotation is not parameter.empty:
            annotation = annotation_text(parameter.annotation, function.__module__)
            keys = typed_dict_keys(annotation, function.__module__)
            if keys is not None:
                yield from (f"keyword {key}" for key in keys)
                continue
            line += f": {annotation}"
        if parameter.default is not parameter.empty:
            line += f" = {default_text(parameter.default)}"
        yield line
    if signature.return_annotation is not signature.empty:
        yield f"returns {annotation_text(signature.return_annotation, function.__module__)}"


def default_text(default: Any) -> str:
    """Return a default value as text; one that is made anew for each object as what makes it."""
    factory = getattr(default, "factory", None)
    return f"{factory.__name__}()" if factory is not None else repr(default)


def attributes_set_by_init(cls: type) -> set[str]:
    """Return the public attributes that ``__init__`` assigns, in the class and its bases."""
    return {
        instruction.argval
        for base in cls.__mro__
        if base.__module__.startswith(PACKAGE) and inspect.isfunction(vars(base).get("__init__"))
        for instruction in dis.get_instructions(vars(base)["__init__"])
        if instruction.opname == "STORE_ATTR" and not instruction.argval.startswith("_")
    }


def class_lines(cls: type, public_classes: set[type]) -> Iterator[str]:
    """Yield the lines that describe one class."""
    for base in cls.__mro__[1:]:
        if base in public_classes or (base is not object and not base.__module__.startswith(PACKAGE)):
            yield f"is a {base.__name__}"
    fields: dict[str, Any] = {
        field.name: field for field in (attrs.fields(cls) if attrs.has(cls) else ()) if field.name[0] != "_"
    }
    # How an enumeration is made depends on the version of Python.
    made_by_users = cls.__name__ not in MADE_BY_THE_LIBRARY and not issubclass(
        cls, (BaseException, enum.Enum)
    )
    if made_by_users and fields:
        for field in fields.values():
            default = "" if field.default is attrs.NOTHING else f" = {default_text(field.default)}"
            kind = "keyword field" if field.kw_only else "field"
            if not field.init:
                kind, default = "attribute", ""
            yield f"{kind} {field.name}: {annotation_text(field.type, cls.__module__)}{default}"
    elif made_by_users and cls.__init__ is not object.__init__:  # type: ignore[misc]
        yield from (f"made with {line}" for line in signature_lines(cls.__init__) if line != "returns None")  # type: ignore[misc]
    if not made_by_users:
        yield from sorted(
            f"attribute {field.name}: {annotation_text(field.type, cls.__module__)}"
            for field in fields.values()
        )
    members = {
        name: vars(base)[name]
        for base in reversed(cls.__mro__)
        if base.__module__.startswith(PACKAGE)
        for name in vars(base)
        if not name.startswith("_") and name not in fields and (cls.__name__, name) not in UNDOCUMENTED
    }
    for name in sorted({*members, *attributes_set_by_init(cls)} - fields.keys()):
        member = members.get(name)
        if isinstance(member, property):
            [returns] = [line for line in signature_lines(member.fget) if line.startswith("returns")]
            yield f"property {name} {returns}{'' if member.fset is None else ' (can be set)'}"
        elif isinstance(member, (staticmethod, classmethod)):
            yield from prefixed(f"{type(member).__name__} {name}", signature_lines(member.__func__))
        elif inspect.isfunction(member):
            yield from prefixed(f"method {name}", signature_lines(member))
        elif (cls.__name__, name) not in UNDOCUMENTED:
            yield f"attribute {name}"
    for name in OPERATORS:
        implementation = inspect.getattr_static(cls, name, None)
        bases = (object, BaseException, str, enum.Enum)  # what these have depends on the version of Python
        built_in = [inspect.getattr_static(base, name, None) for base in bases]
        if implementation not in built_in:
            yield f"operator {name}" if implementation is not None else f"operator {name} is switched off"


def prefixed(prefix: str, lines: Iterator[str]) -> Iterator[str]:
    yield prefix
    yield from (f"    {line}" for line in lines)


def object_lines(name: str, item: Any, public_classes: set[type]) -> Iterator[str]:
    """Yield the lines that describe one public name."""
    if inspect.isclass(item):
        yield from prefixed(f"class {name}", class_lines(item, public_classes))
    elif inspect.isfunction(item) and not hasattr(item, "_pytestfixturefunction"):
        yield from prefixed(f"function {name}", signature_lines(item))
    elif isinstance(item, str):
        yield f"constant {name}: str"
    elif hasattr(item, "__args__"):  # an alias of types
        yield f"constant {name}: {annotation_text(item, PACKAGE)}"
    else:
        yield f"pytest fixture {name}"


def public_names() -> dict[str, dict[str, Any]]:
    """Return the public objects by module and name."""
    top_level = importlib.import_module(PACKAGE)
    names = {PACKAGE: {name: getattr(top_level, name) for name in top_level.__all__}}
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        listed = getattr(module, "__all__", [])
        names[module_name] = {
            name: item
            for name, item in names[PACKAGE].items()
            if name not in TOP_LEVEL_ONLY
            and getattr(module, name, None) is item
            and (name in listed or item.__module__ == module_name)
        }
    for module_name, documented in DOCUMENTED.items():
        module = importlib.import_module(module_name)
        found = {name: getattr(module, name) for name in documented or module.__all__}
        names.setdefault(module_name, {}).update(found)
    return names


def surface() -> list[str]:
    """Return the lines of the whole surface."""
    package = importlib.import_module(PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if not module.name.endswith("__main__"):
            try:  # import every module, so that meaning_of finds the names in annotations
                importlib.import_module(module.name)
            except ModuleNotFoundError:
                pass  # it needs an extra that is not installed
    names = public_names()
    public_classes = {
        item for members in names.values() for item in members.values() if inspect.isclass(item)
    }
    top_level = names[PACKAGE]
    lines: list[str] = []
    for module_name in sorted(names):
        for name, item in sorted(names[module_name].items()):
            if module_name != PACKAGE and top_level.get(name) is item:
                lines.append(f"{module_name}.{name} is {PACKAGE}.{name}")
            else:
                lines += object_lines(f"{module_name}.{name}", item, public_classes)
    return lines


if __name__ == "__main__":
    text = "".join(f"{line}\n" for line in surface())
    if sys.argv[1:] == ["--update"]:
        SNAPSHOT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
