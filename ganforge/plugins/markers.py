"""The decorators of plugins: `hookimpl` marks a hook's implementation, `hookspec` its specification."""

import pluggy

hookspec = pluggy.HookspecMarker("ganforge")
hookimpl = pluggy.HookimplMarker("ganforge")
