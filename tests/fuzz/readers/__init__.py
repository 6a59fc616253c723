"""All readers that are fuzzed."""

from ..target import Target
from . import data, outside, runs, settings

TARGETS: dict[str, Target] = {
    each.name: each for each in (*settings.TARGETS, *data.TARGETS, *runs.TARGETS, *outside.TARGETS)
}
