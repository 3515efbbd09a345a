"""The practice wadm reads manifests, and refuses them, as a real one does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from recorded import wadm_manifests

from wasmcloud_ctl.testing._wadm.manifest import Panic
from wasmcloud_ctl.testing._wadm.reading import Refused, read_manifest
from wasmcloud_ctl.testing._wadm.validation import validate

CASES = wadm_manifests()

pytestmark = pytest.mark.skipif(  # the real wadm parses with libyaml, whose words are compared here
    not yaml.__with_libyaml__, reason="PyYAML without libyaml has other words for errors of syntax"
)


def answered(case: dict[str, Any]) -> dict[str, Any]:
    """The case with the answer of the practice wadm."""
    payload = bytes.fromhex(case["payload_hex"]) if "payload_hex" in case else case["payload"].encode()
    try:
        manifest = read_manifest(payload, case["content_type"])
        message = validate(manifest)
    except Refused as refusal:
        return {**case, "message": str(refusal), "manifest": None}
    except Panic:
        return {**case, "message": None, "manifest": None}
    return {**case, "message": message, "manifest": manifest if message is None else None}


def test_each_case_is_there_once() -> None:
    """The names of the cases are different, and some cases are of each kind."""
    kinds = {(case["message"] is None, case["manifest"] is None) for case in CASES}

    assert len({case["case"] for case in CASES}) == len(CASES) > 500
    assert kinds == {(False, True), (True, False), (True, True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_answer_is_that_of_a_real_wadm(case: dict[str, Any]) -> None:
    """The message of a refusal, or else the manifest with its fields in wadm's order."""
    # As text, because dicts that differ in their order are equal.
    assert json.dumps(answered(case), indent=1) == json.dumps(case, indent=1)
