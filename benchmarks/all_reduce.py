"""What it costs that workers add up: sums of the sizes that a step of `dcgan` at 64x64 sends, and to draw a step.

torchrun --nproc-per-node 2 benchmarks/all_reduce.py

On a machine with GPUs by NCCL, else by gloo. Medians and smallest of many; docs/scaling.md says what they are for.
"""

import json
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
import torch.distributed as dist

import ganforge
from ganforge.backend.contract import Shard
from ganforge.plugins.host import default_host
from ganforge.spec.costs import network_costs
from ganforge.training.batches import Batches, draw_step
from ganforge.training.experiment import resolve_networks

ROUNDS = 30


def sum_seconds(numbers: int, device: torch.device) -> list[float]:
    """Seconds of each of `ROUNDS` sums of so many float32 numbers over all workers."""
    message = torch.ones(numbers, device=device)
    found = []
    for _ in range(ROUNDS + 3):
        dist.barrier()
        begun = perf_counter()
        dist.all_reduce(message)
        message[0].item()  # waits for a GPU
        found.append(perf_counter() - begun)
    return found[3:]


def draw_seconds(rows: int, workers: int) -> float:
    """CPU seconds in which one of so many workers draws its part of a step, of a batch with so many rows for each."""
    recipe = ganforge.load_recipe("dcgan", overrides={"channels": 3, "training": {"batch_size": rows * workers}})
    gan = resolve_networks(recipe, default_host()).gan
    images = np.zeros((200_000, 64, 64, 3), np.uint8)
    begun = process_time()
    for step in range(ROUNDS):
        draw_step(
            Batches(gan=gan, images=images, labels=None, seed=0, shard=Shard(rank=workers // 2, count=workers)), step
        )
    return (process_time() - begun) / ROUNDS


def main() -> None:
    """Print a table, from the first worker."""
    gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if gpu else "gloo")
    if gpu:
        torch.cuda.set_device(dist.get_node_local_rank())
    gan = resolve_networks(ganforge.load_recipe("dcgan", overrides={"channels": 3}), default_host()).gan
    sizes = {name: sum(cost.parameters for cost in network_costs(gan, name)) for name in ("generator", "discriminator")}
    device = torch.device("cuda" if gpu else "cpu")
    lines = {"one number": 1, "a batch norm of 512 channels": 2 * 512, **sizes}
    for name, numbers in lines.items():
        seconds = sum_seconds(numbers, device)
        if dist.get_rank() == 0:
            told = {"sum": name, "numbers": numbers, "median_ms": median(seconds) * 1e3, "least_ms": min(seconds) * 1e3}
            print(json.dumps(told))
    if dist.get_rank() == 0:
        for workers in (1, 8, 64):
            print(json.dumps({"drawing": f"128 of {128 * workers} rows", "cpu_ms": draw_seconds(128, workers) * 1e3}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
