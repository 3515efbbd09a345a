"""List the import cycles between the modules of wasmcloud_ctl; the exit status is 1 if there are any.

    python tests/product/import_cycles.py

import-linter's contracts look at sibling packages and modules. This looks at single modules, so that it also finds a
module that imports the ``__init__`` of its own package. Imports in functions and imports for type checkers count. An
import of ``a.b`` does not count as one of ``a``, although Python runs ``a/__init__.py`` first.
"""

from __future__ import annotations

import sys

import grimp

PACKAGE = "wasmcloud_ctl"


def imported_by(module: str, graph: grimp.ImportGraph) -> set[str]:
    """Return all modules that a module imports, directly or through others."""
    found: set[str] = set()
    remaining = [module]
    while remaining:
        for imported in graph.find_modules_directly_imported_by(remaining.pop()) - found:
            found.add(imported)
            remaining.append(imported)
    return found


def import_cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Return the groups of modules that import each other, each group sorted by name."""
    reached = {module: imported_by(module, graph) for module in graph.modules}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in graph.modules
        if module in reached[module]
    }
    return [list(group) for group in sorted(groups)]


if __name__ == "__main__":
    cycles = import_cycles(grimp.build_graph(PACKAGE, cache_dir=None))
    for cycle in cycles:
        print("import each other:", ", ".join(cycle))
    print(f"import cycles: {len(cycles)}")
    sys.exit(1 if cycles else 0)
