"""The private names of nats-py that this package relies on, checked when it is imported.

``Connection`` and ``Socket`` override some of them. If a version of nats-py renamed one, the override would never be
called, and nothing would fail: credentials could be sent in clear, or a lost connection go unnoticed.
"""

from __future__ import annotations

from importlib.metadata import version

import nats.aio.client
import nats.aio.transport

WORKING_VERSIONS = "2.15 and 2.16"

# Methods that Connection overrides.
_OVERRIDDEN = (
    "_connect_command",  # the last moment before credentials are sent
    "_process_err",  # what the server objects to
    "_process_info",  # what the server says of itself
    "_process_op_err",  # the end of a connection
    "_read_loop",  # the task that reads
    "_select_next_server",  # dials a server
)

# What Connection uses: its state, what is queued, its tasks, and the parser; its ``buf`` holds the present line.
_STATE = ("_current_server", "_err", "_max_payload", "_server_pool", "_sid", "_status", "_transport")
_QUEUED = ("_pending", "_pending_data_size", "_send_ping")
_TASKS = ("_flusher_task", "_ping_interval_task", "_reading_task")


def check() -> None:
    """Raise ImportError if nats-py lacks one of these names."""
    client = nats.aio.client.Client()
    socket = nats.aio.transport.TcpTransport()  # type: ignore[no-untyped-call]
    owners: tuple[tuple[object, str, tuple[str, ...]], ...] = (
        (client, "Client", (*_OVERRIDDEN, *_STATE, *_QUEUED, *_TASKS, "_ps")),
        (getattr(client, "_ps", None), "Parser", ("buf",)),
        (socket, "TcpTransport", ("connect_tls", "readline", "write", "writelines")),
        (socket, "TcpTransport", ("_bare_io_reader", "_bare_io_writer", "_io_reader", "_io_writer")),
    )
    for owner, title, names in owners:
        for name in names:
            if not hasattr(owner, name):
                raise ImportError(
                    f"nats-py {version('nats-py')} has no {title}.{name}, which wasmcloud_ctl needs: "
                    f"install nats-py {WORKING_VERSIONS}"
                )
