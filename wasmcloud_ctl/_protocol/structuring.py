"""Plain values to attrs objects and back, with cattrs. Imported at the first message that needs it.

Decoding is as strict as the hosts' own (serde); by itself, cattrs would turn "5" into a number and a string into a
list of its letters. Unknown fields are ignored: newer hosts send more.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn_from_attrs, make_dict_unstructure_fn_from_attrs, override

from wasmcloud_ctl._protocol import strict
from wasmcloud_ctl._protocol.strict import Mismatch, mismatch
from wasmcloud_ctl.models import Range

# What cattrs calls to convert a value: with the value and its type.
Hook = Callable[[Any, Any], Any]

# Fields that have another name on the wire, by the names of their classes: most scripts need few of the classes.
_WIRE_NAMES = {
    "ScaleComponentCommand": {"max_instances": "count"},
    "RegistryCredential": {"registry_type": "registryType"},
}

# Other names that hosts may use for a field.
_ALIASES = {
    "HostInventory": {"actors": "components"},
    "HostHeartbeat": {"actors": "components"},
    "RegistryCredential": {"registry_type": "registryType"},
}


def hook(kind: Any) -> Callable[[object], Any]:
    """Return the function that converts a plain value to a type, or raises Mismatch."""
    structure = _converter.get_structure_hook(kind)

    def convert(value: object) -> Any:
        try:
            return structure(value, kind)
        except Exception as error:
            raise (_find_mismatch(value, kind) or Mismatch(str(error))) from error

    return convert


def encoder(kind: type[Any]) -> Callable[[Any], object]:
    """Return the function that converts an object of an attrs class to plain values."""
    return _converter.get_unstructure_hook(kind)


def _find_mismatch(value: object, kind: Any) -> Mismatch | None:
    """Find the first part of a value that does not fit.

    The functions that cattrs generates only say that something does not fit: keeping track of the path would slow
    down each message that fits.
    """
    parts: list[tuple[str, object, Any]] = []
    if attrs.has(kind):
        if type(value) is not dict:
            return mismatch("an object", value)
        value = _with_names(value, kind)
        for field in attrs.fields(kind):
            name = _WIRE_NAMES.get(kind.__name__, {}).get(field.name, field.name)
            if name in value:
                parts.append((f".{name}", value[name], field.type))
            elif field.default is attrs.NOTHING:
                return Mismatch("the field is missing", f".{name}")
    elif _is_sequence(kind) and type(value) is list:
        parts = [(f"[{index}]", item, get_args(kind)[0]) for index, item in enumerate(value)]
    elif _is_optional(kind) and value is not None:
        parts = [("", value, _inner(kind))]
    else:
        try:
            _converter.get_structure_hook(kind)(value, kind)
        except Mismatch as error:
            return error
    for path, part, part_kind in parts:
        found = _find_mismatch(part, part_kind)
        if found is not None:
            return Mismatch(str(found), path + found.path)
    return None


# Scalars and sequences --------------------------------------------------------------------------


def _is_optional(kind: Any) -> bool:
    arguments = get_args(kind)
    return get_origin(kind) in (Union, UnionType) and len(arguments) == 2 and type(None) in arguments


def _inner(kind: Any) -> Any:
    return next(argument for argument in get_args(kind) if argument is not type(None))


def _optional_hook(kind: Any) -> Hook:
    inner = _inner(kind)
    structure = _converter.get_structure_hook(inner)
    return lambda value, _: None if value is None else structure(value, inner)


def _is_ranged(kind: Any) -> bool:
    return any(isinstance(argument, Range) for argument in get_args(kind))


def _range_hook(kind: Any) -> Hook:
    allowed = next(argument for argument in get_args(kind) if isinstance(argument, Range))
    low, high = allowed.low, allowed.high

    def structure(value: object, _: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        if type(value) is not int:
            raise mismatch("a whole number", value)
        raise Mismatch(f"expected {low} to {high}, found {value}")

    return structure


def _is_sequence(kind: Any) -> bool:
    origin = get_origin(kind)
    return (isinstance(origin, type) and origin is not str and issubclass(origin, (tuple, list))) or (
        getattr(origin, "__qualname__", "") == "Sequence"
    )


def _sequence_hook(kind: Any) -> Hook:
    element = get_args(kind)[0]
    structure_element = _converter.get_structure_hook(element)

    def structure(value: object, _: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise mismatch("a list", value)
        return tuple([structure_element(item, element) for item in value])

    return structure


# Classes ----------------------------------------------------------------------------------------

# The "_from_attrs" functions of cattrs generate code for one class. The plain ones, which call them, note in a
# thread-local set that a class is being worked on; Ctrl-C in between could leave it there, and each later call for
# the class would then fail with RecursionError.


def _class_hook(kind: type[Any]) -> Hook:
    fields = list(attrs.fields(attrs.resolve_types(kind)))
    renames = {name: override(rename=wire) for name, wire in _WIRE_NAMES.get(kind.__name__, {}).items()}
    generated = make_dict_structure_fn_from_attrs(fields, kind, _converter, **renames)  # type: ignore[arg-type]
    if kind.__name__ not in _ALIASES and any(field.default is attrs.NOTHING for field in fields):
        return generated  # which fails by itself for what is not a dict, at the first required field

    def structure(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise mismatch("an object", value)
        return generated(_with_names(value, kind), kind)

    return structure


def _with_names(value: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Give the fields of an object that came under another name their own."""
    for alias, name in _ALIASES.get(kind.__name__, {}).items():
        if alias in value and name not in value:
            value = {**value, name: value[alias]}
    return value


def _class_encoder(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Leave out optional fields that are None, and nothing else: to a host, null is not the same as absent."""
    wire_names = _WIRE_NAMES.get(kind.__name__, {})
    fields = list(attrs.fields(attrs.resolve_types(kind)))
    overrides = {
        field.name: override(
            rename=wire_names.get(field.name), omit_if_default=type(None) in get_args(field.type)
        )
        for field in fields
    }
    return make_dict_unstructure_fn_from_attrs(fields, kind, _converter, **overrides)  # type: ignore[arg-type]


def _make_converter() -> cattrs.Converter:
    # Without detailed validation: cattrs' own errors are never looked at. The factory registered last is asked first.
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, strict.string)
    converter.register_structure_hook(bool, strict.boolean)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_ranged, _range_hook)
    converter.register_structure_hook_factory(_is_sequence, _sequence_hook)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_structure_hook_factory(
        lambda kind: kind in strict.HOOKS, lambda kind: strict.HOOKS[kind]
    )
    converter.register_unstructure_hook_factory(attrs.has, _class_encoder)
    return converter


_converter = _make_converter()
