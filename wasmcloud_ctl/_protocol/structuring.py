"""Plain values to attrs objects and back, with cattrs.

Decoding is as strict as the hosts' own (serde): null is no string, and ``"5"`` is no number. By itself, cattrs would
convert them, and make a list of a string's letters. Unknown fields are ignored: newer hosts send more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn_from_attrs, make_dict_unstructure_fn_from_attrs, override

from wasmcloud_ctl._protocol.manifests import Manifest
from wasmcloud_ctl.models import (
    ComponentDescription,
    HostInventory,
    RegistryCredential,
    ScaleComponentCommand,
    ScalerStatus,
    Status,
    StatusInfo,
    StatusType,
)

# What cattrs calls to convert a value: with the value and its type. Ours raise ValueError if the value does not fit.
Hook = Callable[[Any, Any], Any]

# Fields that have another name on the wire.
_WIRE_NAMES = {
    (ScaleComponentCommand, "max_instances"): "count",
    (RegistryCredential, "registry_type"): "registryType",
    (StatusInfo, "status_type"): "type",
    (ScalerStatus, "info"): "status",
    (Status, "info"): "status",
    (Manifest, "api_version"): "apiVersion",
}

# Without detailed validation: cattrs' own errors are never looked at.
converter = cattrs.Converter(detailed_validation=False)
hook_of = functools.cache(converter.get_structure_hook)


def wire_names(kind: Any) -> dict[str, Any]:
    """Return the types of a class's fields, by their names on the wire."""
    fields = attrs.fields(attrs.resolve_types(kind))
    return {_WIRE_NAMES.get((kind, field.name)) or field.name: field.type for field in fields}


def find_mismatch(value: object, kind: Any, path: str) -> tuple[str, str] | None:
    """Find the first part of a value that does not fit, and return its path and the reason.

    The functions that cattrs generates only say that something does not fit: keeping track of the path would slow
    down each message that fits.
    """
    parts: list[tuple[str, object, Any]] = []
    if attrs.has(kind):
        if type(value) is not dict:
            return path, _expected("an object", value)
        value = _with_new_names(value)
        for field in attrs.fields(attrs.resolve_types(kind)):
            name = _WIRE_NAMES.get((kind, field.name), field.name)
            if name in value:
                parts.append((f".{name}", value[name], field.type))
            elif field.default is attrs.NOTHING:
                return f"{path}.{name}", "the field is missing"
    elif _is_sequence(kind) and type(value) is list:
        parts = [(f"[{index}]", item, get_args(kind)[0]) for index, item in enumerate(value)]
    elif kind == dict[str, str] and type(value) is dict:
        parts = [(f"[{key!r}]", item, str) for key, item in value.items()]
    elif _is_optional(kind) and value is not None:
        parts = [("", value, get_args(kind)[0])]
    else:
        try:
            hook_of(kind)(value, kind)
        except ValueError as error:
            return path, str(error)
    found = (find_mismatch(part, part_kind, path + step) for step, part, part_kind in parts)
    return next(filter(None, found), None)


_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def _expected(what: str, value: object) -> str:
    return f"expected {what}, found {_JSON_NAMES.get(type(value), type(value).__name__)}"


# Scalars, maps and sequences --------------------------------------------------------------------


def _exactly(kind: type, optional: bool = False) -> Hook:
    """Return a hook for values of one type, and for None if it is optional."""

    def structure(value: object, _: object) -> object:
        if type(value) is kind or (value is None and optional):
            return value
        raise ValueError(_expected(_JSON_NAMES[kind], value))

    return structure


def _string_map(optional: bool = False) -> Hook:
    """Return a hook for objects whose values are strings, and for None if it is optional."""

    def structure(value: object, _: object) -> dict[str, str] | None:
        if type(value) is dict:
            for key in value:
                if type(value[key]) is not str:
                    raise ValueError(_expected("a string", value[key]))
        elif value is not None or not optional:
            raise ValueError(_expected("an object", value))
        return value  # json made this dict for us, so it need not be copied

    return structure


_structure_optional_map = _string_map(optional=True)

# An inventory has thousands of optional values, so they have hooks of their own: one call less for each.
_HOOKS: dict[Any, Hook] = {
    bool: _exactly(bool),
    str: _exactly(str),
    str | None: _exactly(str, optional=True),
    dict[str, Any]: _exactly(dict),
    dict[str, str]: _string_map(),
    dict[str, str] | None: _structure_optional_map,
}


def _is_optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _is_range(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _range_hook(kind: Any) -> Hook:
    _, allowed = get_args(kind)
    low, high = allowed.low, allowed.high

    def structure(value: object, _: object) -> int:
        if type(value) is not int:
            raise ValueError(_expected("a whole number", value))
        if not low <= value <= high:
            raise ValueError(f"expected {low} to {high}, found {value}")
        return value

    return structure


def _is_sequence(kind: Any) -> bool:
    return get_origin(kind) in (tuple, list, Sequence)


def _sequence_hook(kind: Any) -> Hook:
    element = get_args(kind)[0]
    structure_element = hook_of(element)
    make = list if get_origin(kind) is list else tuple

    def structure(value: object, _: object) -> Sequence[Any]:
        if type(value) is not list:
            raise ValueError(_expected("a list", value))
        return make([structure_element(item, element) for item in value])

    return structure


def _structure_status_type(value: object, _: object) -> StatusType:
    if type(value) is not str:
        raise ValueError(_expected("a string", value))
    return StatusType(value)  # a ValueError that names the value


# Classes ----------------------------------------------------------------------------------------


def _generate(make: Callable[..., Any], kind: type[Any]) -> Any:
    """Generate a function for a class with one of cattrs' "_from_attrs" functions.

    The plain ones, which call them, note in a thread-local set that a class is being worked on; Ctrl-C in between
    could leave it there, and each later call for the class would then fail with RecursionError.
    """
    fields = list(attrs.fields(attrs.resolve_types(kind)))
    overrides = {
        field.name: override(
            rename=_WIRE_NAMES.get((kind, field.name)),
            # Only what is None is left out: to a host, null is not the same as absent.
            omit_if_default=_is_optional(field.type),
        )
        for field in fields
    }
    return make(fields, kind, converter, **overrides)


def _class_hook(kind: type[Any]) -> Hook:
    generated: Hook = _generate(make_dict_structure_fn_from_attrs, kind)
    has_old_names = issubclass(kind, HostInventory)
    if not has_old_names and any(field.default is attrs.NOTHING for field in attrs.fields(kind)):
        return generated  # which fails by itself for what is not a dict, at the first required field

    def structure(value: object, _: object) -> Any:
        if type(value) is not dict:
            raise ValueError(_expected("an object", value))
        return generated(_with_new_names(value), kind)

    return structure


def _with_new_names(value: dict[str, Any]) -> dict[str, Any]:
    """Give the components of an inventory their name: hosts before 1.0 call them actors."""
    return {"components": value["actors"], **value} if "actors" in value else value


def _structure_component(value: Any, _: object) -> ComponentDescription:
    """Structure a component as the generated function does, in half the time: an inventory may have thousands.

    The checks are written out, and the object is made as pickle makes it, without ``__init__``.
    """
    component_id, image_ref, name = value["id"], value["image_ref"], value.get("name")
    if not (type(component_id) is type(image_ref) is str and (name is None or type(name) is str)):
        raise ValueError("expected strings")
    revision, max_instances = value.get("revision", 0), value.get("max_instances", 0)
    if not (
        type(revision) is type(max_instances) is int
        and -(2**31) <= revision < 2**31
        and 0 <= max_instances < 2**32
    ):
        raise ValueError("expected whole numbers in their ranges")
    component = object.__new__(ComponentDescription)
    vars(component).update(
        id=component_id,
        image_ref=image_ref,
        name=name,
        annotations=_structure_optional_map(value.get("annotations"), None),
        revision=revision,
        max_instances=max_instances,
        limits=_structure_optional_map(value.get("limits"), None),
    )
    return component


# The hook that is registered last is asked first; those of str and bool replace cattrs' own, which come before all.
converter.register_structure_hook(str, _HOOKS[str])
converter.register_structure_hook(bool, _HOOKS[bool])
converter.register_structure_hook(StatusType, _structure_status_type)  # which would be structured as str
converter.register_structure_hook(ComponentDescription, _structure_component)
converter.register_structure_hook_factory(_is_range, _range_hook)
converter.register_structure_hook_factory(_is_sequence, _sequence_hook)
converter.register_structure_hook_factory(attrs.has, _class_hook)
converter.register_structure_hook_factory(_HOOKS.__contains__, lambda kind: _HOOKS[kind])
converter.register_unstructure_hook_factory(
    attrs.has, lambda kind: _generate(make_dict_unstructure_fn_from_attrs, kind)
)
