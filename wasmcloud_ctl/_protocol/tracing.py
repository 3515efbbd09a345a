"""Trace headers: the caller's W3C trace context, taken from OpenTelemetry."""

from __future__ import annotations

import sys


def headers() -> bytes:
    """Return the caller's trace context as a block of NATS headers; empty outside of a span.

    Call this on the caller's thread: each thread has a current span of its own. OpenTelemetry is never imported here,
    because a program that has not imported it has no span.
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
