"""The trace that the caller is in, for the headers of what is sent: W3C trace context, from OpenTelemetry."""

from __future__ import annotations

import sys


def headers() -> bytes:
    """The caller's trace context as a block of NATS headers; empty where there is none.

    OpenTelemetry is never imported here: a program that has not imported it is in no span of it. To be called on
    the caller's thread, for each thread has a span of its own.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return b""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return b""
    lines = [
        "NATS/1.0",
        f"traceparent: 00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}",
    ]
    state = context.trace_state.to_header()
    if state:
        lines.append(f"tracestate: {state}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
