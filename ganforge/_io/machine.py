"""What the system says of this machine and this process; None where a system does not say it, as Windows."""

import os
import sys


def physical_memory() -> int | None:
    """Bytes of memory that the machine has."""
    return _pages("SC_PHYS_PAGES")


def free_memory() -> int | None:
    """Bytes of it that are free."""
    return _pages("SC_AVPHYS_PAGES")


def memory_limit() -> int | None:
    """Bytes that this process may have, where somebody has set a limit."""
    try:
        import resource
    except ImportError:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def peak_memory() -> int | None:
    """Bytes: the most memory that this process had."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _pages(name: str) -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf(name)
    except (AttributeError, ValueError, OSError):  # no sysconf, or not this name
        return None
