"""What a step owes an accelerator, shown without one: on torch's device 'meta' tensors have shapes but no values.

Reading a value, which on a GPU waits for all that was asked of it, cannot be done there, nor can most operations on
tensors of two devices.
"""

import pytest
from frameworks import need

from ganforge.backend import SingleProcess
from ganforge.testing.tiny_gans import FLOAT64_ONLY, TINY, inputs

torch = need("torch")

from ganforge_torch import runtime


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", sorted(set(TINY) - FLOAT64_ONLY))
def test_a_step_waits_for_no_value_and_leaves_nothing_on_the_host(
    name: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.devices, "find", lambda name, precision: torch.device(name))
    gan = TINY[name]
    session = runtime.session_of(gan, gan.initial_state(0), precision, "meta", SingleProcess())
    for number in range(2):
        scalars = session.step(inputs(gan, 0, number))
    assert {each.device.type for each in scalars.values()} == {"meta"}
