"""What all values have in common: how they are shown, compared, and made plain."""

from __future__ import annotations

import attrs

from wasmcloud_ctl._imports import ensure_imported


class Shown:
    """What is shown by a repr that fits a line and by a table in a notebook, and equal if class and attributes are.

    Attrs would generate what compares for each class, which takes longer than all else that it does: a short script
    would pay for that at every start.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        ensure_imported("wasmcloud_ctl._display.html")
        from wasmcloud_ctl._display import html as _display

        return _display.line(self)

    def _repr_html_(self) -> str:
        ensure_imported("wasmcloud_ctl._display.html")
        from wasmcloud_ctl._display import html as _display

        return _display.as_html(self)


class Model(Shown):
    """What hosts say, and what is sent to them, which is a plain dict, too."""

    __slots__ = ()

    def to_dict(self) -> dict[str, object]:
        """This as a plain dict of dicts, lists, strings, numbers and None.

        Returns:
            A new dict with the keys that ``wash`` prints with ``-o json``, which are the names of the attributes.
            wash leaves out what is not there; here it is None, so that rows for a table all have the same keys:
            ``pandas.DataFrame([host.to_dict() for host in client.get_hosts().data])``.

        Source: wash 1.9 prints the types of ``wasmcloud-control-interface`` as serde writes them
        (crates/wash/src/cli/ctl/output.rs and crates/control-interface/src/types of wasmCloud).
        """
        fields = attrs.fields_dict(type(self))  # type: ignore[arg-type]  # those derived from this are attrs classes
        return {name: plain(getattr(self, name)) for name in fields}


def plain(value: object) -> object:
    """A value as dicts, lists, strings, numbers and None."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value
