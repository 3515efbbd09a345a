"""A synchronous, blocking client for wasmCloud v1 lattices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmcloud_ctl._client import Client, connect, from_env
from wasmcloud_ctl._imports import find_value
from wasmcloud_ctl.exceptions import (
    AuthError,
    ClosedError,
    ConnectError,
    CtlError,
    DecodeError,
    InvalidArgument,
    NoResponders,
    NotConnectedError,
    NotFound,
    OperationFailed,
    OperationRejected,
    PayloadTooLarge,
    PermissionDenied,
    RequestTimeout,
    WaitTimeout,
)

if TYPE_CHECKING:
    from wasmcloud_ctl.events import (
        ComponentScaled,
        ComponentScaleFailed,
        ConfigDeleted,
        ConfigSet,
        Event,
        EventClaims,
        EventReceiver,
        HealthCheckFailed,
        HealthCheckPassed,
        HealthCheckStatus,
        HostHeartbeat,
        HostStarted,
        HostStopped,
        LabelsChanged,
        LinkdefDeleted,
        LinkdefSet,
        LinkdefSetFailed,
        ProviderStarted,
        ProviderStartFailed,
        ProviderStopped,
    )
    from wasmcloud_ctl.models import (
        ComponentAuctionAck,
        ComponentAuctionRequest,
        ComponentDescription,
        CtlResponse,
        Host,
        HostInventory,
        Inventories,
        Link,
        ProviderAuctionAck,
        ProviderAuctionRequest,
        ProviderDescription,
        RegistryCredential,
        Replies,
        ScaleComponentCommand,
        StartProviderCommand,
        StopHostCommand,
        StopProviderCommand,
        Undecodable,
        UpdateComponentCommand,
    )

__version__ = "0.1.0"

__all__ = [
    "AuthError",
    "Client",
    "ClosedError",
    "ComponentAuctionAck",
    "ComponentAuctionRequest",
    "ComponentDescription",
    "ComponentScaleFailed",
    "ComponentScaled",
    "ConfigDeleted",
    "ConfigSet",
    "ConnectError",
    "CtlError",
    "CtlResponse",
    "DecodeError",
    "Event",
    "EventClaims",
    "EventReceiver",
    "HealthCheckFailed",
    "HealthCheckPassed",
    "HealthCheckStatus",
    "Host",
    "HostHeartbeat",
    "HostInventory",
    "HostStarted",
    "HostStopped",
    "InvalidArgument",
    "Inventories",
    "LabelsChanged",
    "Link",
    "LinkdefDeleted",
    "LinkdefSet",
    "LinkdefSetFailed",
    "NoResponders",
    "NotConnectedError",
    "NotFound",
    "OperationFailed",
    "OperationRejected",
    "PayloadTooLarge",
    "PermissionDenied",
    "ProviderAuctionAck",
    "ProviderAuctionRequest",
    "ProviderDescription",
    "ProviderStartFailed",
    "ProviderStarted",
    "ProviderStopped",
    "RegistryCredential",
    "Replies",
    "RequestTimeout",
    "ScaleComponentCommand",
    "StartProviderCommand",
    "StopHostCommand",
    "StopProviderCommand",
    "Undecodable",
    "UpdateComponentCommand",
    "WaitTimeout",
    "__version__",
    "connect",
    "from_env",
]


# Not for type checkers, which would take any name for one that there is.
if not TYPE_CHECKING:  # pragma: no branch – what runs is no type checker

    def __getattr__(name):
        """A class of values, imported when it is first asked for.

        There are forty, of which a script needs few, and to make one takes as long as a call: to make all takes a
        tenth of the time from a short script's start to its end.
        """
        if name not in (*__all__, "models", "events"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = find_value(name, ["models", "events"])
        return value

    def __dir__():
        return __all__
