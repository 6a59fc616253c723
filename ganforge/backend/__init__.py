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
from ganforge.backend.devices import choose_device, common_name
from ganforge.backend.forward import forward as forward_pass
from ganforge.backend.forward import label_as_bias
from ganforge.backend.memory import bytes_after, host_memory, host_memory_told, out_of_memory
from ganforge.backend.observations import TOLERANCES, Seen, Tolerances, difference, observe
from ganforge.backend.runtime import (
    NO_FAST_FORMS,
    Collective,
    FastForms,
    FastPair,
    Runtime,
    SingleProcess,
    UpdatedList,
    Vjp,
    plain_asked,
)
from ganforge.backend.session import GanSession
from ganforge.backend.waiting import waiting_for_others

__all__ = [
    "FAKE_PASS",
    "FULL_BATCH",
    "GENERATOR_PASS",
    "NO_FAST_FORMS",
    "PENALTY_PASS",
    "REAL_PASS",
    "TOLERANCES",
    "BackendEntry",
    "Collective",
    "DiscriminatorInputs",
    "DistributedSupport",
    "FastForms",
    "FastPair",
    "GanSession",
    "GeneratorInputs",
    "Precision",
    "Runtime",
    "Scalars",
    "Seen",
    "Session",
    "Shard",
    "SingleProcess",
    "StepInputs",
    "Tolerances",
    "UpdatedList",
    "Vjp",
    "Workers",
    "bytes_after",
    "choose_device",
    "common_name",
    "difference",
    "forward_pass",
    "host_memory",
    "host_memory_told",
    "label_as_bias",
    "observe",
    "out_of_memory",
    "plain_asked",
    "waiting_for_others",
]
