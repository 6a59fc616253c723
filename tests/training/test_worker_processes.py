"""Real processes: two workers with half a batch each compute what one does with the whole, and one tale is told."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from typing import Any

import msgspec
import numpy as np
import pytest
import worker_gans
from frameworks import FRAMEWORKS, need
from tiers import slow
from worker_gans import APART, IMAGES, SHARED, train

import ganforge
from ganforge.backend.contract import BackendEntry, Shard
from ganforge.plugins.host import default_host
from ganforge.spec.arrays import State
from ganforge.training import checkpoint
from ganforge.training.batches import Batches, draw_step
from ganforge.training.run_folder import CHECKPOINTS

pytestmark = pytest.mark.timeout(1200)  # seconds of work, but each process waits for the slowest
BACKENDS = tuple(each if each == "torch" else slow(each) for each in FRAMEWORKS)
STEPS = 20
COUNT = 2


def free_port() -> int:
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def environments(backend: str) -> list[dict[str, str]]:
    """What a launcher would tell each of the workers."""
    ports = [free_port() for _ in range(COUNT)]
    whole = {**os.environ, "OMP_NUM_THREADS": "1"}
    if backend == "torch":
        shared = {"WORLD_SIZE": str(COUNT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(ports[0])}
        return [{**whole, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(COUNT)]
    if backend == "jax":
        shared = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{ports[0]}", "JAX_NUM_PROCESSES": str(COUNT)}
        return [{**whole, **shared, "JAX_PROCESS_ID": str(rank)} for rank in range(COUNT)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"type": "worker", "index": rank} for rank in range(COUNT)]
    return [{**whole, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]


def start(stack: ExitStack, backend: str, *command: str) -> list[subprocess.Popen[str]]:
    """The workers, which end with the test at the latest."""
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen([sys.executable, *command], env=each, stdout=pipe, stderr=pipe, text=True)
        for each in environments(backend)
    ]
    for worker in workers:
        stack.enter_context(worker)
        stack.callback(worker.kill)
    return workers


def said(workers: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each, when all have ended."""
    told = [worker.communicate(timeout=1000) for worker in workers]
    return [(worker.returncode, *each) for worker, each in zip(workers, told, strict=True)]


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.fixture(scope="module")
def found(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What each of two workers has at the end."""
    out = tmp_path_factory.mktemp(backend)
    with ExitStack() as stack:
        ended = said(start(stack, backend, worker_gans.__file__, backend, str(out), str(STEPS)))
        assert [code for code, _, _ in ended] == [0] * COUNT, ended
        yield [dict(np.load(out / f"{rank}.npz")) for rank in range(COUNT)]


def test_all_workers_end_with_the_same(found: list[dict[str, Any]]) -> None:
    first, *others = found
    for other in others:
        assert [name for name in first if not np.array_equal(first[name], other[name])] == []


@pytest.mark.parametrize("name", SHARED)
def test_two_workers_compute_what_one_does(name: str, backend: str, found: list[dict[str, Any]]) -> None:
    """Every array and scalar of twenty steps, and the gradients after them."""
    alone = train(SHARED[name], backend, STEPS)
    apart = {key: float(np.max(np.abs(found[0][f"{name}:{key}"] - each))) for key, each in alone.items()}
    assert {key: each for key, each in apart.items() if not each < 1e-10} == {}


def test_statistics_of_each_workers_own_rows(backend: str, found: list[dict[str, Any]]) -> None:
    """The gradients, and the running values, are means of what each would have had alone, with its rows for a batch."""
    half = msgspec.structs.replace(APART.protocol, batch_size=APART.protocol.batch_size // COUNT)
    gan = type(APART)(
        generator_network=APART.generator_network,
        discriminator_network=APART.discriminator_network,
        protocol=half,
        loss=APART.loss,
    )
    entry = default_host().entries("ganforge_backends", BackendEntry)[backend].entry
    running: list[State] = []
    for rank in range(COUNT):
        inputs = draw_step(
            Batches(gan=APART, images=IMAGES, labels=None, seed=0, shard=Shard(rank=rank, count=COUNT)), 0
        )
        session = entry.open(gan, gan.initial_state(0), "float64", "cpu")
        session.step(inputs)
        running.append(session.state())
    names = [name for name in gan.shapes if name.endswith(("/mean", "/variance"))]
    assert len(names) == 6
    for name in names:
        mean = np.mean([each[name] for each in running], axis=0)
        assert np.max(np.abs(found[0][f"apart:{name}"] - mean)) < 1e-12
        assert np.max(np.abs(running[0][name] - mean)) > 1e-6  # or else this says nothing


# The command line ----------------------------------------------------------------------------------------------------

OPTIONS = "--precision float64 --batch-size 16 --set run.log_every=2 --out run"
COMMAND = ["-m", "ganforge", "train", "--recipe", "digits", *OPTIONS.split(), "--backend"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANFORGE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def newest(folder: Path) -> tuple[int, State]:
    about, state = checkpoint.load(checkpoint.checkpoints(folder / CHECKPOINTS)[-1])
    return about.step, state


def farthest(one: State, other: State) -> float:
    return max(float(np.max(np.abs(one[name] - other[name]))) for name in one)


def wait_for(worker: subprocess.Popen[str], words: str) -> None:
    assert worker.stdout is not None
    assert any(words in line for line in worker.stdout)


@pytest.mark.slow
def test_torchrun_and_then_alone(place: Path) -> None:
    """Four steps by two workers and two more by one process end where six steps of one process do."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(COUNT)]
    command = [*launcher, *COMMAND, "torch", "--steps", "4"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1000)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("done: 4 steps") == 1, "each worker tells of the run, not the first alone"
    assert "2 workers" in ended.stdout
    assert sum(1 for line in Path("run/journal.jsonl").read_text().splitlines()) == 2
    ganforge.resume("run", steps=6)
    options = {"run": {"precision": "float64", "steps": 6}, "training": {"batch_size": 16}}
    ganforge.train("digits", backend="torch", out="whole", overrides=options)
    (done, state), (_, expected) = newest(Path("run")), newest(Path("whole"))
    assert done == 6
    assert farthest(state, expected) < 1e-10


@pytest.mark.slow
def test_a_signal_to_one_stops_all_and_loses_nothing(place: Path) -> None:
    with ExitStack() as stack:
        first, second = workers = start(stack, "torch", *COMMAND, "torch", "--steps", "100000")
        wait_for(first, "step 4/")
        second.send_signal(signal.SIGINT)
        (code, told, _), (other, _, complaint) = said(workers)
    assert (code, other) == (130, 130)
    assert "Traceback" not in complaint  # it may have waited for the other to prepare the images, and says so
    step, _ = newest(Path("run"))
    assert f"stopped after step {step}, all of it saved" in told


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_worker_that_is_killed_ends_the_others(backend: str, place: Path) -> None:
    need(backend)
    with ExitStack() as stack:
        first, second = workers = start(stack, backend, *COMMAND, backend, "--steps", "100000")
        wait_for(first, "step 4/")
        second.kill()
        (code, _, complaint), _ = said(workers)
    assert code == 1
    assert "worker 0 stops, as another worker has ended" in complaint
    assert "Traceback" not in complaint


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared(place: Path) -> None:
    with ExitStack() as stack:
        ended = said(start(stack, "torch", *COMMAND, "torch", "--batch-size", "15"))
    assert [code for code, _, _ in ended] == [1, 1]
    assert all("2 workers cannot share a batch of 15 evenly; take --batch-size 14 or 16" in each for *_, each in ended)
    assert not Path("run").exists()


@pytest.mark.slow
def test_a_run_that_is_refused_leaves_no_folder(place: Path) -> None:
    with ExitStack() as stack:
        ended = said(start(stack, "torch", "-c", DIFFERENT))
    assert all("worker 1 of 2 has another recipe than worker 0" in complaint for _, _, complaint in ended)
    assert not Path("run").exists()


DIFFERENT = """
import os, ganforge
ganforge.train("digits", backend="torch", out="run", overrides={"run": {"seed": int(os.environ["RANK"])}})
"""


@pytest.mark.slow
def test_workers_of_jax_and_then_alone(place: Path) -> None:
    """As of torchrun; a signal to one stops both, and what they saved goes on alone."""
    need("jax")
    with ExitStack() as stack:
        first, second = workers = start(stack, "jax", *COMMAND, "jax", "--steps", "100000")
        wait_for(first, "step 4/")
        second.send_signal(signal.SIGINT)
        (code, told, complaint), (other, untold, _) = said(workers)
    assert (code, other) == (130, 130), complaint
    step, _ = newest(Path("run"))
    assert f"stopped after step {step}, all of it saved" in told
    assert "step" not in untold
    ganforge.resume("run", steps=step + 1)
    options = {"run": {"precision": "float64", "steps": step + 1}, "training": {"batch_size": 16}}
    ganforge.train("digits", backend="jax", out="whole", overrides=options)
    assert farthest(newest(Path("run"))[1], newest(Path("whole"))[1]) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_worker_whose_others_do_not_come_says_so_and_can_be_stopped(backend: str) -> None:
    need(backend)
    environment, command = environments(backend)[0], f"from ganforge_{backend} import workers; workers.join()"
    with ExitStack() as stack:
        arguments = [sys.executable, "-c", command]
        worker = stack.enter_context(subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True))
        stack.callback(worker.kill)
        assert worker.stderr is not None
        assert any(
            "worker 0 of 2" in line and "waits for the others" in line and "127.0.0.1:" in line
            for line in worker.stderr
        )
        time.sleep(3.0)  # until the framework has taken over
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=100) == -signal.SIGINT


@pytest.mark.slow
def test_a_port_that_is_taken_is_named() -> None:
    need("tensorflow")
    with socket() as other:
        environment = environments("tensorflow")[1]
        taken = json.loads(environment["TF_CONFIG"])["cluster"]["worker"][1]
        other.bind(("127.0.0.1", int(taken.partition(":")[2])))
        other.listen()
        command = [sys.executable, "-m", "ganforge", "train", "--backend", "tensorflow", "--steps", "1"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 1
    assert f"worker 1 cannot meet the others of TF_CONFIG as {taken}: " in ended.stderr
    assert "is that port in use" in ended.stderr


@pytest.mark.slow
def test_a_port_that_is_taken_is_named_in_jax() -> None:
    need("jax")
    with socket() as other:
        environment = environments("jax")[0]
        taken = environment["JAX_COORDINATOR_ADDRESS"]
        other.bind(("", int(taken.partition(":")[2])))
        other.listen()
        command = [sys.executable, "-c", "from ganforge_jax import workers; workers.join()"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert f"RunError: worker 0 cannot meet the others at {taken}: [Errno 98] Address already in use" in ended.stderr
