"""Plain values to attrs objects and back, with cattrs.

It is as strict as the hosts' own (serde); cattrs by itself would make good-looking data of a "5" for a number and of
a string for a list. Unknown fields are ignored, for newer hosts send more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from wasmcloud_ctl._protocol.strict import Mismatch, boolean, mismatch, optional_string, string, string_map
from wasmcloud_ctl.models import Range


def _optional_hook(kind: Any) -> Callable[[object, object], Any]:
    (inner,) = (argument for argument in get_args(kind) if argument is not type(None))
    if inner is str:
        return optional_string
    structure_inner = _converter.get_structure_hook(inner)

    def structure(value: object, _: object) -> Any:
        return None if value is None else structure_inner(value, inner)

    return structure


def _is_optional(kind: Any) -> bool:
    arguments = get_args(kind)
    return get_origin(kind) in (Union, UnionType) and len(arguments) == 2 and type(None) in arguments


def _range_hook(kind: Any) -> Callable[[object, object], int]:
    allowed = next(argument for argument in get_args(kind) if isinstance(argument, Range))
    low, high = allowed.low, allowed.high

    def structure(value: object, _: object) -> int:
        if type(value) is not int:
            raise mismatch("a whole number", value)
        if not low <= value <= high:
            raise Mismatch(f"expected {low} to {high}, found {value}")
        return value

    return structure


def _is_ranged(kind: Any) -> bool:
    return any(isinstance(argument, Range) for argument in get_args(kind))


def _sequence_hook(kind: Any) -> Callable[[object, object], tuple[Any, ...]]:
    element = get_args(kind)[0]
    structure_element = _converter.get_structure_hook(element)

    def structure(value: object, _: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise mismatch("a list", value)
        items = []
        try:
            for item in value:
                items.append(structure_element(item, element))
        except Exception as error:
            placed = [_at_index(error, len(items))]
            # From Python 3.11 on pyright takes the base class's __init__ for the one that counts.
            raise cattrs.IterableValidationError("a list", placed, kind) from None  # pyright: ignore[reportCallIssue]
        return tuple(items)

    return structure


def _at_index(error: Exception, index: int) -> Exception:
    # Before Python 3.11 there is no add_note; cattrs reads the attribute.
    notes = [*getattr(error, "__notes__", ()), cattrs.IterableValidationNote(f"at {index}", index, None)]
    setattr(error, "__notes__", notes)  # noqa: B010  # an attribute that type checkers for 3.10 do not know
    return error


def _is_sequence(kind: Any) -> bool:
    origin = get_origin(kind)
    return (isinstance(origin, type) and origin is not str and issubclass(origin, (tuple, list))) or (
        getattr(origin, "__qualname__", "") == "Sequence"
    )


def _structure_any_map(value: object, _: object) -> dict[str, Any]:
    if type(value) is not dict:
        raise mismatch("an object", value)
    return value


def _is_any_map(kind: Any) -> bool:
    return get_origin(kind) is dict and get_args(kind) == (str, Any)


def _is_string_map(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping) and get_args(kind) == (str, str)


# The fields that travel under another name. By the classes' names, for most scripts need few of the classes.
_WIRE_NAMES = {
    "ScaleComponentCommand": {"max_instances": "count"},
    "RegistryCredential": {"registry_type": "registryType"},
}

# The names that a field may have instead, when it arrives.
_ALIASES = {
    "HostInventory": {"actors": "components"},
    "HostHeartbeat": {"actors": "components"},
    "RegistryCredential": {"registry_type": "registryType"},
}


def _class_hook(kind: type[Any]) -> Callable[[object, object], Any]:
    renames = {name: override(rename=wire) for name, wire in _WIRE_NAMES.get(kind.__name__, {}).items()}
    generated = make_dict_structure_fn(kind, _converter, **renames)  # type: ignore[arg-type]
    aliases = _ALIASES.get(kind.__name__)
    if not renames and aliases is None and _is_bare(kind):
        return _bare_class_hook(kind, generated)

    def structure(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise mismatch("an object", value)
        if aliases is not None:
            for alias, name in aliases.items():
                if alias in value and name not in value:
                    value = {**value, name: value[alias]}
        return generated(value, kind)

    return structure


def _is_bare(kind: type[Any]) -> bool:
    """Whether to make an object takes nothing but its values."""
    return all(
        field.converter is None and field.validator is None and not hasattr(field.default, "factory")
        for field in attrs.fields(kind)
    )


def _bare_class_hook(
    kind: type[Any], generated: Callable[[Any, Any], Any]
) -> Callable[[object, object], Any]:
    """As cattrs' own, in three quarters of the time, for what a large inventory is a thousand of.

    It fills the object's dict at once, which is what the ``__init__`` of a frozen attrs class without slots does one
    attribute after the other. Where something does not fit cattrs tells what it is.
    """
    fields = attrs.fields(attrs.resolve_types(kind))
    # A copy of it has all keys, and its size, from the beginning.
    template = {field.name: field.default for field in fields}
    hooks = [(field.name, _converter.get_structure_hook(field.type), field.type) for field in fields]
    required = [hook for hook in hooks if template[hook[0]] is attrs.NOTHING]
    optional = [hook for hook in hooks if template[hook[0]] is not attrs.NOTHING]
    make, set_attribute = object.__new__, object.__setattr__  # which a frozen class's own refuses

    def structure(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise mismatch("an object", value)
        values = template.copy()
        try:
            for name, hook, type_ in required:
                values[name] = hook(value[name], type_)
            for name, hook, type_ in optional:
                if name in value:
                    values[name] = hook(value[name], type_)
        except Exception:
            return generated(value, kind)
        made = make(kind)
        set_attribute(made, "__dict__", values)
        return made

    return structure


def _unstructure_hook(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Leave out what is None, and nothing else: hosts tell a missing field from a null."""
    wire_names = _WIRE_NAMES.get(kind.__name__, {})
    optional = {
        field.name for field in attrs.fields(attrs.resolve_types(kind)) if type(None) in get_args(field.type)
    }
    overrides = {
        field.name: override(rename=wire_names.get(field.name), omit_if_default=field.name in optional)
        for field in attrs.fields(kind)
    }
    return make_dict_unstructure_fn(kind, _converter, **overrides)  # type: ignore[arg-type]


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, string)
    converter.register_structure_hook(bool, boolean)
    converter.register_structure_hook_factory(_is_optional, _optional_hook)
    converter.register_structure_hook_factory(_is_ranged, _range_hook)
    converter.register_structure_hook_factory(_is_sequence, _sequence_hook)
    converter.register_structure_hook_func(_is_string_map, string_map)
    converter.register_structure_hook_func(_is_any_map, _structure_any_map)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_unstructure_hook_factory(attrs.has, _unstructure_hook)
    return converter


_converter = _make_converter()


def hook(kind: Any) -> Callable[[object], Any]:
    """What makes a value of a type of a plain value.

    It raises Mismatch for what does not fit, with the place of the first thing that is wrong.
    """
    structure_kind = _converter.get_structure_hook(kind)

    def structure(value: object) -> Any:
        try:
            return structure_kind(value, kind)
        except Exception as error:
            place, reason = _first_fault(error, "")
            raise Mismatch(reason, place) from error

    return structure


def plain_hook(kind: type[Any]) -> Callable[[Any], object]:
    """What makes an attrs object of a class plain values."""
    return _converter.get_unstructure_hook(kind)


def _first_fault(error: BaseException, path: str) -> tuple[str, str]:
    """The place of the first thing that is wrong, and what is wrong with it."""
    if isinstance(error, cattrs.ClassValidationError):
        for fault, note in error.group_exceptions()[0]:
            if isinstance(fault, KeyError):
                return f"{path}.{fault.args[0]}", "the field is missing"
            return _first_fault(fault, f"{path}.{note.name}")
    if isinstance(error, cattrs.IterableValidationError):
        for fault, element in error.group_exceptions()[0]:
            return _first_fault(fault, f"{path}[{element.index}]")
    return path + getattr(error, "place", ""), str(error) or type(error).__name__
