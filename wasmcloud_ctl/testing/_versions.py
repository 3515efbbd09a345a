"""The differences between host versions."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class HostVersion:
    """One version of the host.

    Attributes:
        number: The version number.
        shows_version: Whether the host shows its version in replies.
        components_key: The key of the list of components in an inventory.
        shows_limits: Whether an inventory includes the limits of each component.
        guards_labels: Whether the host refuses to set ``hostcore.*`` labels.
        silent_on_builtins: Whether a request to start a disabled builtin provider gets no reply. Other versions
            acknowledge it, and the start fails.
    """

    number: str
    shows_version: bool = True
    components_key: str = "components"
    shows_limits: bool = True
    guards_labels: bool = True
    silent_on_builtins: bool = True


_VERSIONS = {
    version.number: version
    for version in (
        HostVersion(number="1.9.2"),
        HostVersion(number="1.6.2", shows_limits=False, guards_labels=False, silent_on_builtins=False),
        # The oldest version that a client may meet. The published data types still support it.
        HostVersion(
            number="1.0.0",
            shows_version=False,
            components_key="actors",
            shows_limits=False,
            guards_labels=False,
            silent_on_builtins=False,
        ),
    )
}


def host_version(number: str) -> HostVersion:
    """Return the host version with this number.

    Raises:
        ValueError: The practice lattice has no such version.
    """
    try:
        return _VERSIONS[number]
    except KeyError:
        raise ValueError(f"version must be one of {', '.join(_VERSIONS)}, not {number!r}") from None
