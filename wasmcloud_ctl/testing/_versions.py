"""What hosts of different versions do differently."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class HostVersion:
    """One version of the host.

    Attributes:
        number: The version as the host tells it.
        tells_version: Whether it tells it.
        components_key: The name that an inventory has for the list of components.
        tells_limits: Whether an inventory has each component's limits.
        guards_labels: Whether it refuses to set ``hostcore.*`` labels.
        silent_on_builtins: Whether it does not answer at all when told to start a builtin provider that is
            switched off, rather than start it and fail.
    """

    number: str
    tells_version: bool = True
    components_key: str = "components"
    tells_limits: bool = True
    guards_labels: bool = True
    silent_on_builtins: bool = True


_VERSIONS = {
    version.number: version
    for version in (
        HostVersion(number="1.9.2"),
        HostVersion(number="1.6.2", tells_limits=False, guards_labels=False, silent_on_builtins=False),
        # The oldest that a client may meet: what the published data types still allow for.
        HostVersion(
            number="1.0.0",
            tells_version=False,
            components_key="actors",
            tells_limits=False,
            guards_labels=False,
            silent_on_builtins=False,
        ),
    )
}


def host_version(number: str) -> HostVersion:
    """The version of this number.

    Raises:
        ValueError: The practice lattice does not have it.
    """
    try:
        return _VERSIONS[number]
    except KeyError:
        raise ValueError(f"version must be one of {', '.join(_VERSIONS)}, not {number!r}") from None
