"""Deploy an application from its manifest, and roll back if the new version fails.

    python examples/deploy_application.py examples/shop.yaml

The file is a manifest of wadm in YAML or JSON, with a new version in its annotation ``version``. ``-`` reads it from
the standard input. The script stores the version, deploys it, and waits until the outcome is certain, by what wadm
and the hosts say. Then it prints the status, with a line for each component, provider and link.

If the version fails, the script deploys the version that was deployed before, or undeploys the application if none
was. It then deletes the version that failed, so you can correct the file and deploy it under the same version. The
exit status is 1.

If the outcome is not certain in time, the script changes nothing more, because the version may still succeed. Choose
``--wait`` longer than two intervals of the hosts' heartbeats and two pulls of the images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import wasmcloud_ctl
from wasmcloud_ctl import Client, CtlError, OperationFailed, WaitTimeout


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", help="the manifest, or - for the standard input")
    parser.add_argument("--wait", type=float, default=120, help="seconds to wait (default: %(default)s)")
    parser.add_argument("--url", help="a NATS server's URL (default: as for wash)")
    parser.add_argument("--lattice", help="the lattice's name (default: as for wash)")
    parser.add_argument("--context", help="a wash context (default: as for wash)")
    options = parser.parse_args(argv)
    try:
        manifest = sys.stdin.buffer.read() if options.file == "-" else Path(options.file)
        with wasmcloud_ctl.from_env(options.url, lattice=options.lattice, context=options.context) as client:
            return deploy(client, manifest, options.wait)
    except CtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; wadm goes on with what it was told last", file=sys.stderr)
        return 1


def deploy(client: Client, manifest: Path | bytes, wait: float) -> int:
    """Store and deploy a version. Roll back if it fails. Returns the exit status."""
    stored = client.wadm.put_manifest(manifest)
    name, version = stored.name, stored.current_version
    versions = client.wadm.list_versions(name)
    before = next((found.version for found in versions if found.deployed), None)
    print(f"{name}: deploying {version}, {before or 'nothing'} is deployed", flush=True)
    try:
        client.wadm.deploy_manifest(name, version, wait=wait)
    except OperationFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        roll_back(client, name, version, before, wait)
        return 1
    except WaitTimeout as error:
        print(f"error: {error}", file=sys.stderr)
        print(f"{version} may still succeed; {before or 'nothing'} was deployed before", file=sys.stderr)
        return 1
    print(f"{name}: {version} is deployed")
    print(client.wadm.get_manifest_status(name))
    return 0


def roll_back(client: Client, name: str, failed: str, before: str | None, wait: float) -> None:
    """Deploy the version before again, or undeploy the application if there was none. Delete the one that failed."""
    if before is None:
        client.wadm.undeploy_manifest(name, wait=wait)
        print(f"{name}: undeployed", flush=True)
    else:
        client.wadm.deploy_manifest(name, before, wait=wait)
        print(f"{name}: rolled back to {before}", flush=True)
    # As the newest version, it would be deployed by whoever deploys the application without naming a version.
    client.wadm.delete_manifest(name, failed)


if __name__ == "__main__":
    sys.exit(main())
