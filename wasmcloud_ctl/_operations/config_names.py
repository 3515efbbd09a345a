"""The names of a lattice's configs, read from the bucket in which its hosts keep them.

No consumer is made for that, so nothing is left behind in JetStream.
"""

from __future__ import annotations

from wasmcloud_ctl._bridge.handover import Deadline
from wasmcloud_ctl._operations.gather import collect, raise_reply_error
from wasmcloud_ctl._operations.progress import show_progress
from wasmcloud_ctl._protocol import jetstream
from wasmcloud_ctl._protocol.subjects import Subjects
from wasmcloud_ctl._transport import Reply, Transport
from wasmcloud_ctl.exceptions import NoResponders, RequestTimeout


def list_config_names(
    transport: Transport, subjects: Subjects, js_domain: str | None, timeout: float
) -> list[str]:
    """Return the sorted names of all configs.

    Raises:
        NoResponders: There is no JetStream.
        RequestTimeout: JetStream did not answer every request in time.
        OperationRejected: JetStream refused.
    """
    deadline = Deadline(timeout)
    prefix = subjects.config_key_prefix()
    keys = _list_keys(transport, subjects, js_domain, deadline)
    subject = jetstream.subject("STREAM.MSG.GET", subjects.config_stream(), js_domain)
    names: list[str] = []
    unanswered = set(keys)

    with transport.replies() as replies:

        def next_moment(now: float) -> float | None:
            if not unanswered:
                return None
            left = deadline.left()
            if left == 0.0:
                raise RequestTimeout(
                    f"JetStream did not answer for all of {len(keys)} configs within {timeout:g} s",
                    subject=subject,
                )
            return now + left

        for key in keys:

            def on_reply(reply: Reply, key: str = key) -> None:
                raise_reply_error(reply)
                unanswered.discard(key)
                # The last message of a deleted key is a deletion marker, or is gone already.
                if jetstream.decode_holds_value(reply.data):
                    names.append(key.removeprefix(prefix))

            replies.send(subject, jetstream.encode_last_message(key), handler=on_reply, once=True)
        collect(replies, show_progress(False, ""), next_moment)
    return sorted(names)


def _list_keys(
    transport: Transport, subjects: Subjects, js_domain: str | None, deadline: Deadline
) -> list[str]:
    stream = subjects.config_stream()
    subject = jetstream.subject("STREAM.INFO", stream, js_domain)
    keys: list[str] = []
    while True:
        payload = jetstream.encode_stream_info(f"{subjects.config_key_prefix()}>", len(keys))
        try:
            raw = transport.request(subject, payload, max(deadline.left(), 0.001))
        except NoResponders as error:
            domain = "none was given" if js_domain is None else f"it was {js_domain!r}"
            raise NoResponders(
                f"no JetStream answers on {subject}: check that the server has it enabled for this account, "
                f"and js_domain ({domain})",
                subject=subject,
            ) from error
        page, total = jetstream.decode_stream_info(raw)
        keys += page
        if not page or len(keys) >= total:
            return keys
