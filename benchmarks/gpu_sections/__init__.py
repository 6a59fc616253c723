"""The sections of `benchmarks/gpu.py`: each prints what it finds as lines of JSON, a row each, as soon as it has it."""
