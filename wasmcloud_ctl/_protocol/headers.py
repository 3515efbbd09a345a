"""The headers of a message: the type of its content, and the caller's W3C trace context from OpenTelemetry."""

from __future__ import annotations

import sys


def encode_headers(content_type: str | None = None) -> bytes:
    """Return a block of NATS headers: the type of the content, and the caller's trace context. Empty without both.

    Call this on the caller's thread: each thread has a current span of its own.
    """
    lines = _trace_headers()
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join(["NATS/1.0", *lines, "", ""]).encode() if lines else b""


def _trace_headers() -> list[str]:
    # OpenTelemetry is never imported here, because a program that has not imported it has no span.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return []
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return []
    lines = [f"traceparent: 00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"]
    state = context.trace_state.to_header()
    if state:
        lines.append(f"tracestate: {state}")
    return lines
