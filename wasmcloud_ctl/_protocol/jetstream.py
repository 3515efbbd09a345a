"""JetStream's API, as far as ``list_configs`` uses it. A response that does not fit raises DecodeError."""

from __future__ import annotations

import base64
from typing import Any

from wasmcloud_ctl._protocol import codec
from wasmcloud_ctl._protocol.subjects import token
from wasmcloud_ctl.exceptions import DecodeError, NoResponders, OperationRejected

_NOT_FOUND = 404


def subject(request: str, stream: str, js_domain: str | None) -> str:
    """Return the subject of a request about a stream, such as ``STREAM.INFO``."""
    domain = "" if js_domain is None else f"{token(js_domain, 'js_domain')}."
    return f"$JS.{domain}API.{request}.{stream}"


def encode_stream_info(subjects_filter: str, offset: int) -> bytes:
    """Encode a request for the subjects in a stream, one page of them, starting at ``offset``."""
    return codec.encode({"subjects_filter": subjects_filter, "offset": offset})


def decode_stream_info(raw: bytes) -> tuple[list[str], int]:
    """Return a page of a stream's subjects, and how many subjects there are in all: none if there is no stream."""
    response = _response(raw) or {}
    state = response.get("state")
    subjects = state.get("subjects") if type(state) is dict else None
    total = response.get("total", 0)
    if not (subjects is None or type(subjects) is dict) or type(total) is not int:
        raise DecodeError("JetStream's response has no subjects", path="$.state.subjects", raw=raw)
    return list(subjects or {}), total


def encode_last_message(subject: str) -> bytes:
    """Encode a request for the last message of a subject."""
    return codec.encode({"last_by_subj": subject})


def decode_holds_value(raw: bytes) -> bool:
    """Return whether a key of a bucket has a value: its last message exists and is not a deletion."""
    response = _response(raw)
    if response is None:
        return False
    message = response.get("message")
    headers = message.get("hdrs", "") if type(message) is dict else None
    if type(headers) is not str:
        raise DecodeError("JetStream's response has no message", path="$.message", raw=raw)
    try:
        return b"KV-Operation:" not in base64.b64decode(headers, validate=True)
    except ValueError as error:
        raise DecodeError(
            "the headers of JetStream's message are not Base64", path="$.message.hdrs", raw=raw
        ) from error


def _response(raw: bytes) -> dict[str, Any] | None:
    """Return a response of JetStream's API; None for "not found". Other errors raise OperationRejected."""
    response = codec.load(raw, "JetStream's response")
    if type(response) is not dict:
        raise DecodeError("JetStream's response is not an object", path="$", raw=raw)
    error = response.get("error")
    if error is None:
        return response
    details = error if type(error) is dict else {"description": error}
    if details.get("code") == _NOT_FOUND:
        return None
    raise OperationRejected(f"JetStream refused: {details.get('description')}")


def no_jetstream(subject: str, js_domain: str | None) -> NoResponders:
    """Return the error for a request that no JetStream answers."""
    domain = "none was given" if js_domain is None else f"it was {js_domain!r}"
    return NoResponders(
        f"no JetStream answers on {subject}: check that the server has it enabled for this account, and js_domain "
        f"({domain})",
        subject=subject,
    )
