"""Packages besides the standard library, for a kernel: it is started without them, and reaches for them when it needs one."""

from __future__ import annotations

import importlib.util


def reach(name: str) -> None:
    """See to it that a package can be imported; ModuleNotFoundError when it is not installed."""
    if importlib.util.find_spec(name) is None:
        import site

        site.main()
        importlib.invalidate_caches()
    if importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(f"the package {name} is missing: `make setup` installs it", name=name)
