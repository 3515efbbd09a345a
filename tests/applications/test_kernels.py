"""Notebook kernels: each in a process of its own."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from applications import needs
from notebooks import folders
from scripts import preamble, run_script

from wasmcloud_ctl.testing import PracticeLattice

NOTEBOOK = """
import jupyter_client.manager

manager = jupyter_client.manager.KernelManager()
manager.shutdown_wait_time = 60  # then it sends SIGTERM, and later SIGKILL
manager.start_kernel(env={**os.environ, "PYTHONWARNINGS": "ignore"})
kernel = manager.client()
kernel.start_channels()
kernel.wait_for_ready(timeout=60)

def cell(code):
    said = []
    def hear(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            said.append(f"{content['name']}: {content['text'].strip()}")
            if content["text"].strip() == "begun":
                time.sleep(0.3)  # nothing tells when the call has begun to wait
                manager.interrupt_kernel()
        elif message["msg_type"] == "error":
            said.append(content["ename"])
    reply = kernel.execute_interactive(code, timeout=60, output_hook=hear)
    print(reply["content"]["status"], *said)

connecting = f'''
import asyncio, threading, time, wasmcloud_ctl
client = wasmcloud_ctl.connect({servers!r}, lattice={lattice!r}, quiet=0.25)
assert asyncio.get_running_loop().is_running()
print(len(client.get_hosts(expected=2)))
'''
cell(connecting)
asking = f"print(client.get_host_inventory({other_id!r}).succeeded)"
cell(f"await asyncio.sleep(0.01); {asking}")  # the kernel's loop runs meanwhile
cell("receiver = client.events_receiver('labels_changed')")
cell(f"client.put_label({other_id!r}, 'a', 'b'); print(receiver.get(5).name)")
for waiting in (
    f"client.get_host_inventory({host_id!r}, timeout=50)",
    "client.get_hosts(timeout=50, quiet=50)",
    f"client.get_host_inventories([{host_id!r}], timeout=50)",
    f"client.scale_component({host_id!r}, 'r.example/a:1', 'a', 1, timeout=50, wait=50)",
    "client.run(asyncio.sleep, 50)",
    "receiver.get()",
    "for event in receiver: pass",
    "wasmcloud_ctl.connect(f'127.0.0.1:{mute}', connect_timeout=50)".replace("{mute}", str(mute)),
):
    began = time.monotonic()
    cell(f"print('begun', flush=True)\\n{waiting}")
    print(time.monotonic() - began < 10)
cell(asking)
process = manager.provisioner.process
began = time.monotonic()
manager.restart_kernel(now=False)
kernel.wait_for_ready(timeout=60)
print("restarted", process.returncode, time.monotonic() - began < 30)
cell(connecting)
kernel.stop_channels()
process = manager.provisioner.process
manager.shutdown_kernel(now=False)
print("ended", manager.is_alive(), process.returncode)  # killed, it would be below 0
manager.cleanup_resources()
kernel.context.destroy(linger=0)
"""


@pytest.mark.long
@pytest.mark.timeout(240)
@needs("ipykernel", "jupyter_client")
def test_cells_of_a_notebook(lattice: PracticeLattice, tmp_path: Path) -> None:
    """In a real kernel, whose own loop runs, calls work, an interruption ends them and the client works on, and the
    kernel restarts and ends without being killed."""
    lattice.hosts[0].stall()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        given = (
            f"servers, lattice, mute = {lattice.url!r}, {lattice.lattice!r}, {mute.getsockname()[1]}\n"
            f"os.environ.update({folders(tmp_path)!r})\n"
        )
        ended = run_script(preamble(lattice) + given + NOTEBOOK, last_seconds=200)

    interrupted = "error stdout: begun KeyboardInterrupt\nTrue\n"
    assert ended.output == (
        "ok stdout: 1\nok stdout: True\nok\nok stdout: labels_changed\n"
        + 8 * interrupted
        + "ok stdout: True\nrestarted 0 True\nok stdout: 1\nended False 0\n"
    )
    # The kernel and its manager have warnings of their own.
    assert ended.status == 0
    assert "wasmcloud_ctl" not in ended.errors
    assert "Traceback" not in ended.errors
