"""What a device does in a step: its kernels with their times, from torch's profiler."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The kernels of some steps; on a CPU, which has none, the operations that Python called."""

    spans: list[tuple[float, float, str]]
    """Beginning and end in microseconds, name; in order of their beginnings."""
    steps: int

    @property
    def launches(self) -> float:
        """Kernels a step."""
        return len(self.spans) / self.steps

    @property
    def busy(self) -> float:
        """Seconds a step in which at least one kernel ran."""
        total, end = 0.0, 0.0
        for begins, ends, _ in self.spans:
            total += max(0.0, ends - max(begins, end))
            end = max(end, ends)
        return 1e-6 * total / self.steps

    def gaps(self, least: float = 5.0) -> list[float]:
        """Microseconds between kernels in which none ran, of those of at least so many."""
        found, end = [], None
        for begins, ends, _ in self.spans:
            if end is not None and begins - end >= least:
                found.append(begins - end)
            end = ends if end is None else max(end, ends)
        return found

    def by_name(self) -> list[tuple[str, float, float]]:
        """Name, microseconds a step, launches a step; the longest first."""
        times: dict[str, list[float]] = defaultdict(list)
        for begins, ends, name in self.spans:
            times[name].append(ends - begins)
        rows = [(name, sum(each) / self.steps, len(each) / self.steps) for name, each in times.items()]
        return sorted(rows, key=lambda row: -row[1])


def traced(step: Callable[[], object], wait: Callable[[], object], device: str, steps: int = 3) -> Trace:
    """The kernels of some steps, after one that warms the profiler up."""
    on_gpu = device.startswith("cuda")
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]):
        step()
        wait()
    with profile(activities=[activity]) as found:
        for _ in range(steps):
            step()
        wait()
    kind = torch.autograd.DeviceType.CUDA if on_gpu else torch.autograd.DeviceType.CPU
    events = [each for each in found.events() if each.device_type == kind and (on_gpu or each.cpu_parent is None)]
    spans = sorted((each.time_range.start, each.time_range.end, each.name) for each in events)
    return Trace(spans=spans, steps=steps)
