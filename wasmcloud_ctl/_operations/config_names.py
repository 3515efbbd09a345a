"""The names of a lattice's configs, read from the bucket in which its hosts keep them.

No consumer is made for that, so nothing is left behind in JetStream.
"""

from __future__ import annotations

import functools

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._operations.gather import collect, raise_reply_error
from wasmcloud_ctl._operations.progress import Progress
from wasmcloud_ctl._protocol import jetstream
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.exceptions import NoResponders, RequestTimeout


def list_config_names(
    transport: Transport, subjects: Subjects, js_domain: str | None, timeout: float
) -> list[str]:
    """Return the sorted names of all configs."""
    deadline = Deadline(timeout)
    keys = dict.fromkeys(_list_keys(transport, subjects, js_domain, deadline))
    subject = jetstream.subject("STREAM.MSG.GET", subjects.config_stream(), js_domain)
    # By key, whether it has a value: its last message can also be a deletion marker, or gone already.
    holds_value: dict[str, bool] = {}

    def on_reply(key: str, reply: Reply) -> None:
        raise_reply_error(reply)
        holds_value[key] = jetstream.decode_holds_value(reply.data)

    def next_moment(now: float) -> float | None:
        if len(holds_value) == len(keys):
            return None
        left = deadline.left()
        if left == 0.0:
            message = f"JetStream did not answer for all of {len(keys)} configs within {timeout:g} s"
            raise RequestTimeout(message, subject=subject)
        return now + left

    with transport.replies() as replies:
        for key in keys:
            handler = functools.partial(on_reply, key)
            replies.send(subject, jetstream.encode_last_message(key), handler=handler, once=True)
        collect(replies, Progress(), next_moment)
    prefix = subjects.config_key_prefix()
    return sorted(key.removeprefix(prefix) for key, holds in holds_value.items() if holds)


def _list_keys(
    transport: Transport, subjects: Subjects, js_domain: str | None, deadline: Deadline
) -> list[str]:
    subject = jetstream.subject("STREAM.INFO", subjects.config_stream(), js_domain)
    keys: list[str] = []
    while True:
        payload = jetstream.encode_stream_info(f"{subjects.config_key_prefix()}>", len(keys))
        try:
            raw = transport.request(subject, payload, max(deadline.left(), 0.001))
        except NoResponders as error:
            raise jetstream.no_jetstream(subject, js_domain) from error
        except RequestTimeout as error:
            raise RequestTimeout(
                f"JetStream did not answer on {subject} in time: try again, or with a longer timeout",
                subject=subject,
                sent=error.sent,
            ) from error
        page, total = jetstream.decode_stream_info(raw)
        keys += page
        if not page or len(keys) >= total:
            return keys
