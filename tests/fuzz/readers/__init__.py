"""All readers that are fuzzed."""

from ..target import Target
from . import data, plugins, runs, server, settings

TARGETS: dict[str, Target] = {
    each.name: each for each in (*settings.TARGETS, *data.TARGETS, *runs.TARGETS, *server.TARGETS, *plugins.TARGETS)
}
