"""Check that the lab's modules are in place: `python3 -m probcomp_pytest`."""

import importlib

MODULES = ("crosscat", "cgpm", "bayeslite", "venture", "iventure")


def missing() -> list[str]:
    """Return the names of the modules that cannot be imported."""
    found = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            found.append(name)
    return found


if __name__ == "__main__":
    absent = missing()
    print(f"missing: {', '.join(absent)}" if absent else f"{len(MODULES)} modules in place")
    raise SystemExit(1 if absent else 0)
