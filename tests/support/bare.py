"""A machine with Python and nothing else: Debian's packages of Python, its shell and its basic commands, in a folder.

There is no X11, no GLib, no libstdc++, no git and no compiler. The user has no home directory and no entry in
/etc/passwd, and may write only to the checkout and to $TMPDIR. The locale is C, and there is no terminal. Processes
see nothing else of the machine but the network and what pip needs to reach its index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

# What apt adds to these is what they depend on.
PACKAGES = ("python3-venv", "dash", "coreutils")

CHECKOUT = "/checkout"

# An id that nobody has.
USER = 4321

# How the network is reached, and the certificates for it.
_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")

# How pip is set up by variables. Folders, such as one of wheels, are not there.
_PIP = {
    name: value
    for name, value in os.environ.items()
    if (name.startswith("PIP_") or name.lower().endswith("_proxy")) and not os.path.isdir(value)
}

# Runs in namespaces of its own, so that nothing stays mounted or running. $1 is the root, $2 the user, $3 "ro" or
# "rw", and the rest is the command.
_ENTER = """
set -e
root=$1 user=$2 mode=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 dev "$root/dev"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in null zero random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=1777 scratch "$root/scratch"
if [ "$mode" = ro ]; then mount -o remount,bind,ro "$root"; fi
exec chroot --userspec="$user:$user" --groups= "$root" /usr/bin/env -i "$@"
"""


class NotPossibleError(Exception):
    """This machine cannot make another one."""


class BareMachine:
    """A machine in a folder, with an unpacked sdist.

    Args:
        folder: An empty folder.
        sdist: The sdist, which has all files of a checkout.

    Raises:
        NotPossibleError: This process is not root, may not mount, there is no apt, or it reaches no packages.
    """

    def __init__(self, folder: Path, sdist: Path) -> None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise NotPossibleError("a bare machine is made by root, with Debian's apt-get")
        probe = ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "probe", "/mnt"]
        if subprocess.run(probe, capture_output=True).returncode:
            raise NotPossibleError(
                "a bare machine needs mounts in namespaces of its own, which are refused here"
            )
        self._root = folder / "root"
        self.packages = self._unpack(folder / "apt")
        # pip's variables may name files, too, such as one of certificates.
        for path in (*_NETWORK, *_PIP.values()):
            if os.path.isabs(path) and os.path.isfile(path):
                copy = self._root / path[1:]
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        for name in ("proc", "dev", "scratch", "tmp"):
            (self._root / name).mkdir()
        checkout = self._root / CHECKOUT[1:]
        checkout.mkdir()
        _run("tar", "-xzf", str(sdist), "--strip-components=1", "-C", str(checkout))
        _run("chown", "-R", f"{USER}:{USER}", str(checkout))

    def _unpack(self, apt: Path) -> list[str]:
        """Unpack the packages without their scripts, and return their names and versions."""
        for name in ("state/lists/partial", "cache/archives/partial"):
            (apt / name).mkdir(parents=True)
        (apt / "status").touch()  # nothing is installed
        options = {
            "Dir::State": f"{apt}/state",
            "Dir::State::status": f"{apt}/status",
            "Dir::Cache": f"{apt}/cache",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
        }
        command = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
        for step in (["update"], ["install", "-y", "--no-install-recommends", "--download-only", *PACKAGES]):
            ended = subprocess.run([*command, *step], capture_output=True, text=True)
            if ended.returncode:
                raise NotPossibleError(f"a bare machine needs Debian's packages: {ended.stderr.strip()}")
        for name in ("bin", "lib", "lib64", "sbin"):
            (self._root / "usr" / name).mkdir(parents=True)
            (self._root / name).symlink_to(f"usr/{name}")
        archives = sorted((apt / "cache" / "archives").glob("*.deb"))
        for archive in archives:
            # dpkg-deb itself would replace the links by folders.
            unpack = 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink -C "$1"'
            _run("sh", "-c", unpack, str(archive), str(self._root))
        return [" ".join(archive.name.split("_")[:2]) for archive in archives]

    def files(self, pattern: str) -> list[str]:
        """Return the files of the machine with such a name, but those in the checkout."""
        found = (path.relative_to(self._root) for path in (self._root / "usr").rglob(pattern))
        return sorted(map(str, found))

    def run(self, command: str, *, read_only: bool = False, **environment: str) -> str:
        """Run a command in the checkout, and return what it prints.

        Args:
            command: The command, for the shell.
            read_only: Have the command write to nothing but $TMPDIR.
            **environment: Further variables.
        """
        variables = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "TMPDIR": "/scratch",
            # There is no home directory for a cache, and pip would make a folder "~" instead.
            "PIP_NO_CACHE_DIR": "1",
            **_PIP,
            **environment,
        }
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh"]
        there = [str(self._root), str(USER), "ro" if read_only else "rw"]
        assignments = [f"{name}={value}" for name, value in variables.items()]
        return _run(*enter, *there, *assignments, "sh", "-c", f"cd {CHECKOUT} && {command}")


def _run(*command: str) -> str:
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert ended.returncode == 0, f"{command[-1]}: status {ended.returncode}\n{ended.stdout}"
    return ended.stdout
