"""The plugin host and the hooks by which everything comes in, our own backends and data sets too."""

from ganforge.plugins.host import Failure, Host, Loaded, Named, Provided, default_host, new_host
from ganforge.plugins.kinds import known_kinds
from ganforge.plugins.markers import hookimpl, hookspec
from ganforge.plugins.run_view import RunView

__all__ = [
    "Failure",
    "Host",
    "Loaded",
    "Named",
    "Provided",
    "RunView",
    "default_host",
    "hookimpl",
    "hookspec",
    "known_kinds",
    "new_host",
]
