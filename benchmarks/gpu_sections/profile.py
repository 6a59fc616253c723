"""Where a step's time goes: the longest kernels, and the gaps in which the device waited for Python."""

from gpu_sections.common import arguments, device_of, note, seconds_a_step, tell
from gpu_sections.contenders import Case, ours
from gpu_sections.kernels import traced


def main() -> None:
    asked = arguments()
    device = device_of("torch", asked.device)
    case = Case(recipe="dcgan", size=64, batch=128)
    if asked.tiny:
        case = Case(recipe="dcgan", size=16, batch=8, width=4)
    for precision in ("float32", "bfloat16"):
        loop = ours(case, "torch", device, precision)
        each = seconds_a_step(loop.step, loop.wait, 0.05 if asked.tiny else 1.0)
        trace = traced(loop.step, loop.wait, device, steps=5)
        gaps = trace.gaps()
        tell(
            profile=f"{case.recipe}-{case.size} batch {case.batch} {precision}",
            milliseconds=1e3 * each,
            busy=trace.busy / each,
            launches=trace.launches,
            gaps_a_step=len(gaps) / trace.steps,
            gaps_milliseconds=1e-3 * sum(gaps) / trace.steps,
            headline=True,
        )
        for name, microseconds, launches in trace.by_name()[:15]:
            note(name)  # in full
            tell(kernel=name[:70], microseconds=microseconds, share=1e-6 * microseconds / trace.busy, launches=launches)


if __name__ == "__main__":
    main()
