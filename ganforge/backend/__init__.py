"""The contract with a framework: what a backend hands over and what it is given."""

from ganforge.backend.contract import (
    FAKE_PASS,
    FULL_BATCH,
    GENERATOR_PASS,
    PENALTY_PASS,
    REAL_PASS,
    BackendEntry,
    DiscriminatorInputs,
    DistributedSupport,
    GeneratorInputs,
    Precision,
    Scalars,
    Session,
    Shard,
    StepInputs,
    Workers,
)
from ganforge.backend.observing import TOLERANCES, Seen, Tolerances, difference, observe

__all__ = [
    "FAKE_PASS",
    "FULL_BATCH",
    "GENERATOR_PASS",
    "PENALTY_PASS",
    "REAL_PASS",
    "TOLERANCES",
    "BackendEntry",
    "DiscriminatorInputs",
    "DistributedSupport",
    "GeneratorInputs",
    "Precision",
    "Scalars",
    "Seen",
    "Session",
    "Shard",
    "StepInputs",
    "Tolerances",
    "Workers",
    "difference",
    "observe",
]
