"""Sphinx configuration. The build downloads nothing.

``sphinx-build -b html`` makes the pages. ``sphinx-build -b doctest`` runs their code, each page on its own practice
lattice. The tutorial is different: ``tests/product/test_docs.py`` follows its steps as a reader would.
"""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import wasmcloud_ctl
from wasmcloud_ctl.testing._versions import DIFFERENCES, RELEASES, Difference

DOCS = Path(__file__).parent

project = "wasmcloud_ctl"
author = "The wasmcloud_ctl developers"
version = release = wasmcloud_ctl.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest", "sphinx.ext.intersphinx", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"wasmcloud_ctl {release}"
html_show_copyright = False

# The reference ----------------------------------------------------------------------------------

autodoc_member_order = "bysource"
# List a class's attributes as its docstring does. Their types are already in the signature.
napoleon_custom_sections = [("Attributes", "params_style")]
# Short names in signatures: str rather than builtins.str, Host rather than wasmcloud_ctl.models.Host.
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
# The parts of Python's documentation that pages link to. Sphinx would download the full inventory, so this checkout
# has a short one, in version 1 of the format, which is plain text.
intersphinx_mapping = {"python": ("https://docs.python.org/3", "python.inv")}
# Type variables, the types of other packages, and types that stand in signatures but are not public.
nitpick_ignore_regex = [
    ("py:class", r"Arguments|Self|T|U64|(typing_extensions\.)?Unpack"),
    ("py:class", r"wasmcloud_ctl\.(exceptions\.(Response|PublishedEvent|SeenLattice)|graph\.LatticeClient)"),
    ("py:class", r"wasmcloud_ctl\..*\.(T|T_co|P|Item_co)"),
    ("py:class", r"(nats|pytest)\..*"),
]

# The code in the pages --------------------------------------------------------------------------

# docs/servers.py and the helpers of the tests start the servers with credentials and TLS.
sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests" / "support")]

doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
# The names that the code on all pages uses.
doctest_global_setup = """
import wasmcloud_ctl
from wasmcloud_ctl.testing import PracticeLattice
lattice = PracticeLattice(hosts=[{"zone": "a"}, {"zone": "b"}]).start()
client = lattice.connect(quiet=0.25)
host_id, other_id = [host.id for host in lattice.hosts]
"""
doctest_global_cleanup = """
client.close()
lattice.close()
"""


def plain_signature(
    app: object,
    what: str,
    name: str,
    item: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show ``{}`` for the default of an attrs factory, and ``int`` for an integer with a range."""
    if signature is not None:
        signature = signature.replace("= NOTHING", "= {}")
        signature = re.sub(r"(typing\.)?Annotated\[int, Range\(low=-?\d+, high=\d+\)\]", "int", signature)
    return signature, returns


# The versions of hosts ------------------------------------------------------------------------------


class HostDifferences(SphinxDirective):
    """``host-differences``: the table of the differences between the versions of hosts.

    With ``from-source``, those that no running host has shown, and where the source says so.
    """

    option_spec: ClassVar = {"from-source": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [["Hosts", "What", "These hosts", "Other hosts", "Seen on"], *map(self._cells, DIFFERENCES)]
        widths = "10 26 26 26 12"
        if "from-source" in self.options:
            unseen = [difference for difference in DIFFERENCES if not difference.seen]
            rows = [["What", "Tag", "Function"], *([of.what, f"v{of.since}", of.source] for of in unseen)]
            widths = "45 12 43"
        lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
        for first, *others in rows:
            lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, source="wasmcloud_ctl/testing/_versions.py"), 0, parent)
        return parent.children

    @staticmethod
    def _cells(difference: Difference) -> list[str]:
        hosts = f"from {difference.since}"
        if difference.until is not None:
            hosts = f"{difference.since} to {RELEASES[RELEASES.index(difference.until) - 1]}"
        seen = ", ".join(difference.seen) or "(source)"
        return [hosts, difference.what, difference.newer, difference.older, seen]


def setup(app: Sphinx) -> None:
    app.add_directive("host-differences", HostDifferences)
    app.connect("autodoc-process-signature", plain_signature)
