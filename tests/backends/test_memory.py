"""Memory that runs out in a framework becomes one error: how much there was, and which batch would fit."""

import subprocess
import sys

import numpy as np
import pytest
from frameworks import need

from ganforge.backend import bytes_after, host_memory, host_memory_told
from ganforge.errors import OutOfMemoryError
from ganforge.spec.costs import batch_that_fits
from ganforge.testing.tiny_gans import TINY
from ganforge.training.fitting import fitting_batch_told

CUDA = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 39.59 GiB of which 19.19 MiB is "
    "free. Process 1 has 39.56 GiB memory in use."
)
APPLE = (
    "MPS backend out of memory (MPS allocated: 5.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB). Tried to "
    "allocate 200.00 MB on private pool."
)


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ("Tried to allocate", CUDA, 20 * 2**20),
        ("total capacity of", CUDA, int(39.59 * 2**30)),
        ("of which", CUDA, int(19.19 * 2**20)),
        ("Tried to allocate", APPLE, 200 * 2**20),
        ("max allowed", APPLE, int(9.07 * 2**30)),
        ("allocating", "RESOURCE_EXHAUSTED: Out of memory allocating 7035022084 bytes.", 7035022084),
        ("allocate", "Unable to allocate 7.45 GiB for an array with shape (1, 2)", int(7.45 * 2**30)),
        ("allocate", "no number", None),
    ],
)
def test_amounts_in_messages(words: str, text: str, expected: int | None) -> None:
    assert bytes_after(words, text) == expected


def test_torch_on_a_gpu_says_what_it_had() -> None:
    torch = need("torch")
    from ganforge_torch import memory

    with (
        pytest.raises(
            OutOfMemoryError,
            match=r"device cuda:0 is out of memory: it has 39\.6 GiB, 19\.2 MiB of it free; 20\.0 MiB more were asked",
        ) as told,
        memory.told(torch.device("cuda:0")),
    ):
        raise torch.OutOfMemoryError(CUDA)
    assert told.value.total == int(39.59 * 2**30)
    with (
        pytest.raises(OutOfMemoryError, match=r"device mps is out of memory: it has 9\.1 GiB; 200\.0 MiB more"),
        memory.told(torch.device("mps")),
    ):
        raise RuntimeError(APPLE)
    with pytest.raises(RuntimeError, match="something else"), memory.told(torch.device("cpu")):
        raise RuntimeError("something else")


@pytest.mark.slow
def test_frameworks_that_really_run_out_on_the_cpu() -> None:
    torch, tf, jax = need("torch"), need("tensorflow"), need("jax")
    from ganforge_jax import memory as of_jax
    from ganforge_tensorflow import memory as of_tensorflow
    from ganforge_torch import memory as of_torch

    cpu = jax.devices("cpu")[0]
    says = r"device cpu is out of memory: it has [\d.]+ GiB.*; 3\.[56] PiB more were asked for"
    with pytest.raises(OutOfMemoryError, match=says), of_torch.told(torch.device("cpu")):
        torch.empty(10**15)
    with pytest.raises(OutOfMemoryError, match=says), of_tensorflow.told("/device:CPU:0"):
        tf.zeros((10**8, 10**7))
    with pytest.raises(OutOfMemoryError, match=says), of_jax.told(cpu):
        jax.numpy.zeros((10**8, 10**7)).block_until_ready()
    with pytest.raises(OutOfMemoryError, match=says), host_memory_told():
        np.empty(10**15, np.float32)


def test_other_errors_of_jax_and_tensorflow_stay() -> None:
    tf, jax = need("tensorflow"), need("jax")
    from ganforge_jax import memory as of_jax
    from ganforge_tensorflow import memory as of_tensorflow

    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"), of_jax.told(jax.devices("cpu")[0]):
        raise jax.errors.JaxRuntimeError("INTERNAL: a bug")
    with pytest.raises(tf.errors.InvalidArgumentError), of_tensorflow.told("/device:CPU:0"):
        tf.reshape(tf.zeros(3), (2, 2))


def test_the_batch_that_would_fit_follows_from_the_sizes_of_arrays() -> None:
    gan = TINY["labels"]
    held = 6 * sum(array.size for array in gan.initial_state(0).values())
    assert batch_that_fits(gan, held, item=4) == 0
    one = next(size for size in range(held, 10 * held + 10**6, 64) if batch_that_fits(gan, size, item=4))
    assert batch_that_fits(gan, held + 100 * (one - held), item=4) == pytest.approx(100, abs=2)
    assert batch_that_fits(gan, 10**9, item=4) == pytest.approx(2 * batch_that_fits(gan, 10**9, item=8), rel=0.01)


@pytest.mark.parametrize(
    ("total", "advice"),
    [
        (None, "does not fit; try --batch-size "),
        (2**40, "by the sizes of the arrays, which is an estimate, one of "),
        (1, "not even a batch of one image"),
    ],
)
def test_the_error_says_which_batch_to_take(total: int | None, advice: str) -> None:
    with pytest.raises(OutOfMemoryError) as told, fitting_batch_told(TINY["labels"], "float32"):
        raise OutOfMemoryError("device cuda:0 is out of memory", total=total)
    assert str(told.value).startswith("device cuda:0 is out of memory. ")
    assert advice in str(told.value).lower()


def test_the_limit_of_the_process_is_what_it_has() -> None:
    code = (
        "import resource; from ganforge.backend import host_memory; "
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); assert host_memory() == (2**31, None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    total, _ = host_memory()
    assert total is not None and total > 2**28


@pytest.mark.slow
def test_a_batch_that_is_too_large_ends_in_one_line_and_the_one_it_names_fits() -> None:
    need("torch")

    def bench(batch: int) -> subprocess.CompletedProcess[str]:
        narrow = ["--set", "image_size=16", "--set", "architecture.width=8", "--seconds", "0", "--backend", "torch"]
        command = [sys.executable, "-m", "ganforge", "bench", "--recipe", "dcgan", *narrow, "--batch-size", str(batch)]
        limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2); "
        code = limited + "sys.argv = sys.argv[1:]; runpy.run_module('ganforge', run_name='__main__')"
        return subprocess.run(
            [sys.executable, "-c", code, *command[2:]], capture_output=True, text=True, timeout=250, check=False
        )

    refused = bench(200_000)
    assert refused.returncode == 1, refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "Error: device cpu is out of memory: it has 3.0 GiB" in refused.stderr
    fits = int(refused.stderr.rpartition("--batch-size ")[2])
    assert fits >= 256
    assert bench(fits).returncode == 0
