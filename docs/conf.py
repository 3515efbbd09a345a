"""How the documentation is built. Nothing is fetched for it.

``sphinx-build -b html`` makes the pages, ``sphinx-build -b doctest`` runs the code in them: each page on a practice
lattice of its own. The tutorial is followed by ``tests/product/test_docs.py`` instead, as a reader would do it.
"""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

import wasmcloud_ctl

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
# A class's attributes in a list, as its docstring has them; their types stand in its signature.
napoleon_custom_sections = [("Attributes", "params_style")]
# Short names in signatures: str rather than builtins.str, Host rather than wasmcloud_ctl.models.Host.
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
# What of Python is linked to. In the first of the formats of inventories, which is text, and kept here, for the whole
# one would have to be fetched.
intersphinx_mapping = {"python": ("https://docs.python.org/3", "python.inv")}
# Type variables, the types of other packages, and types that stand in signatures but are not public.
nitpick_ignore_regex = [
    ("py:class", "Arguments|ConnectOptions|Self|T|U64|Unpack"),
    ("py:class", r"wasmcloud_ctl\..*\.(T|T_co|P)"),
    ("py:class", r"(nats|pytest)\..*"),
]

# The code in the pages --------------------------------------------------------------------------

# For what the page on connecting needs of servers with credentials and TLS.
sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests" / "support")]

doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
# What the pages call "a connected client" and "a host's id".
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
    """A signature as one would write it: without what attrs calls a default that is made anew for each object, and
    without the ranges of the wire's numbers."""
    if signature is not None:
        signature = signature.replace("= NOTHING", "= {}")
        signature = re.sub(r"(typing\.)?Annotated\[int, Range\(low=-?\d+, high=\d+\)\]", "int", signature)
    return signature, returns


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", plain_signature)
