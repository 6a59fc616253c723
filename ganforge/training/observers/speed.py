"""How fast a run trains, and how long it still takes."""

from collections import deque

from ganforge.plugins.run_view import RunView

_SECONDS = 10.0
"""Of the steps that the speed is the mean of."""


class Speed:
    """Images a second over the last seconds, and the time that is left at that speed."""

    def __init__(self, run: RunView) -> None:
        """Begin at the run's step of now."""
        self._seen: deque[tuple[float, int]] = deque([(run.seconds, run.step)])

    def images_per_second(self, run: RunView) -> float:
        """Real images a second; 0 before the first step."""
        return self._steps_per_second(run) * run.batch_images

    def remaining(self, run: RunView) -> str:
        """`0:01:30`, or a dash before the first step."""
        speed = self._steps_per_second(run)
        return clock((run.stop - run.step) / speed) if speed else "-"

    def _steps_per_second(self, run: RunView) -> float:
        now = run.seconds
        if now > self._seen[-1][0]:
            self._seen.append((now, run.step))
        while len(self._seen) > 2 and self._seen[1][0] < now - _SECONDS:
            self._seen.popleft()
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - begin) if end > begin else 0.0


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, `0:01:30`."""
    minutes, over = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{over:02}"
