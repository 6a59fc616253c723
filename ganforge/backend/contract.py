"""The contract with a framework. Everything that crosses it is NumPy; everything random or counted is the core's.

A backend is one `BackendEntry` from the hook `ganforge_backends()` and a session that keeps eight promises. The
definitions that it must meet to the last digit stand in docs/semantics.md; `ganforge.testing.check_backend(name)` tells
whether it does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, SupportsFloat, TypeAlias

from ganforge.spec.arrays import Array, Images, Labels, State
from ganforge.spec.gan import Gan, NetworkName
from ganforge.spec.optimizers import Scale

Precision: TypeAlias = Literal["float32", "float64", "bfloat16"]
"""bfloat16: arrays as in float32; in a step, products and convolutions take and give numbers of 8 bits of fraction."""
Scalars: TypeAlias = Mapping[str, SupportsFloat]
"""`d_loss`, `d_loss_real`, `d_loss_fake`, `g_loss`, `d_real` and `d_fake`, `d_penalty` if there is one,
`augment_probability` if that is adaptive: the one of the update, before it is adjusted; `d_consistency_real`,
`d_consistency_fake` and `d_lecam` where the protocol has them, without weight.

Of the step's last update of each network. `d_loss` is scaled and includes the weighted penalty; `d_loss_real`,
`d_loss_fake` and `d_penalty` are without scale and weight. `d_penalty` is of the last update that has the penalty; a
step without one, of a lazy penalty, has no `d_penalty`. `d_real` and `d_fake` are means over the batch of the loss's
`realness` of the logits. A value may still be on the device: `float()` waits for it, so the core asks on logged steps,
and of other steps later, for the means of an epoch: up to 64 steps, in which the value must not change.
"""

SCALARS = (
    *("d_loss", "d_loss_real", "d_loss_fake", "d_real", "d_fake", "d_penalty", "augment_probability"),
    *("d_consistency_real", "d_consistency_fake", "d_lecam", "g_loss"),
)
"""Their names, in the order in which people are shown them."""

# Forward passes of one update, for the keys of their dropout masks: random_streams.hash32(key + pass).
GENERATOR_PASS, REAL_PASS, FAKE_PASS, PENALTY_PASS = 0, 1, 2, 3
CONSISTENCY_REAL_PASS, CONSISTENCY_FAKE_PASS = 4, 5
"""A joint pass of the discriminator counts as the real one."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorInputs:
    """What one update of the discriminator is fed; B images."""

    images: Images
    """(B, height, width, channels)."""
    labels: Labels | None
    """(B,) of the real images and of the fakes made beside them; None: unconditional."""
    latents: Array
    """(B, latent size), float64."""
    real_targets: Array
    """(B, 1)."""
    fake_targets: Array
    """(B, 1)."""
    interpolation: Array | None
    """(B, 1, 1, 1), U(0, 1): where between real and fake a penalty looks. None: the update has no penalty."""
    key: int
    """32 bits, for dropout masks."""
    scale: Scale
    penalty_weight: float | None = None
    """Of the penalty in this update. None: it has none."""
    real_draws: Array | None = None
    """(B, columns of `Draws`) for the augmentation of the real images. None: the protocol has no augmentation."""
    fake_draws: Array | None = None
    """The same for the fakes."""
    real_consistency_draws: Array | None = None
    """The same, for the augmentation of the consistency's term of the real images. None: there is none."""
    fake_consistency_draws: Array | None = None


@dataclass(frozen=True, kw_only=True)
class GeneratorInputs:
    """What one update of the generator is fed; B latents."""

    images: Images
    """(B, height, width, channels): the discriminator's last batch, for losses that compare with it."""
    labels: Labels | None
    latents: Array
    targets: Array
    """(B, 1): the real target, without noise."""
    key: int
    scale: Scale
    real_draws: Array | None = None
    """As the discriminator's, its own."""
    fake_draws: Array | None = None


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """All that one step is fed: the discriminator's updates first, then the generator's, then the average."""

    discriminator: tuple[DiscriminatorInputs, ...]
    generator: tuple[GeneratorInputs, ...]
    average: float
    """Fraction that the averaged weights keep; meaningless without an average."""


class Session(Protocol):
    """One GAN in one framework: its arrays, and the step that changes them."""

    def step(self, inputs: StepInputs) -> Scalars:
        """One step of the protocol: all updates of the discriminator, all of the generator, then the average."""
        ...

    def gradients(self, inputs: StepInputs) -> State:
        """Gradients of the first update of each network, both at the current weights, before clipping.

        By parameter name, `generator/...` and `discriminator/...`, trained arrays only; those that are `still` are
        zero. Changes nothing.
        """
        ...

    def generate(self, latents: Array, labels: Labels | None, *, averaged: bool = False, exact: bool = False) -> Array:
        """Images (B, height, width, channels) in the GAN's pixel range, by running statistics. Changes nothing.

        averaged: by the averaged weights, where the protocol has them.
        exact: a latent makes the same image to the last bit whatever stands beside it. Without it, rounding may depend
            on the batch, by less than one grey level.
        """
        ...

    def trace(self, network: NetworkName, inputs: Array, labels: Labels | None, *, key: int | None = None) -> State:
        """The output of every node by its name, in order; the last is the image or the logits. Changes nothing.

        A residual block comes after its inner nodes.

        `inputs`: latents, or images (B, height, width, channels) in the pixel range. With a `key` as in training:
        batch statistics, dropout masks by that key (of the pass itself); without, by running statistics.
        """
        ...

    def state(self) -> State:
        """A copy of every array by the names and shapes of `Gan.shapes`, in the session's precision."""
        ...

    def load_state(self, state: State) -> None:
        """The exact inverse of `state`, copied; float64 values are rounded to the session's precision.

        Raises:
            StateError: an array is missing, extra or misshapen (`Gan.check_state` tells); nothing is changed then.
        """
        ...

    def native(self, network: NetworkName, *, averaged: bool = False) -> Any:
        """The framework's own module with these weights, for people to take away; independent of the session.

        Called with latents or images in the framework's usual layout, and labels for a conditional network.
        """
        ...

    def native_arrays(self, network: NetworkName, module: Any) -> State:
        """The arrays of a module that `native` made, by their names in the network: `03_conv/kernel`.

        Raises:
            StateError: the module has not the arrays of this network.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The part of every batch that a process takes: the `rank`-th of `count` equal ones, in consecutive rows."""

    rank: int = 0
    count: int = 1

    def rows(self, batch: int) -> slice:
        """Its rows of a batch that all processes can share evenly."""
        size = batch // self.count
        return slice(self.rank * size, (self.rank + 1) * size)


FULL_BATCH = Shard()


def _alone(values: Array) -> Array:
    return values


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The processes that train one GAN together, seen from one of them. As it is: a process alone."""

    shard: Shard = FULL_BATCH
    total: Callable[[Array], Array] = _alone
    """Sum of one float64 array of each worker; comes back when all have asked. Raises RunError: one has ended."""


@dataclass(frozen=True, kw_only=True)
class DistributedSupport:
    """How a framework trains one GAN in several processes."""

    started: Callable[[], int]
    """How many the environment says there are, 1 in an ordinary one; imports no framework.

    Raises RunError: what the environment says is broken.
    """
    join: Callable[[], Workers]
    """Meet the others; imports the framework. Called once in a process. Raises RunError: they do not come."""
    open: Callable[[Gan, State, Precision, str], Session]
    """As the entry's, of a session whose steps all workers do together, each fed its `Shard.rows` of every batch.

    What it computes is what one session would from the whole batch: losses and scalars, gradients, dropped elements
    and, unless the protocol's `batch_statistics` say otherwise, batch norms. Every worker calls `step` and `gradients`
    alike; other methods are local to the process. Raises RunError in `step`: a worker has ended.
    """


@dataclass(frozen=True, kw_only=True)
class BackendEntry:
    """A framework that can be asked for by name."""

    name: str
    """Name on the command line: lower case, digits and hyphens."""
    summary: str
    modules: tuple[str, ...]
    """Modules that must be importable; looked for without importing them."""
    install: str
    """What `pip install` needs to be given for them: `ganforge[torch]`."""
    rank: int | None = 100
    """The lowest of what is installed is taken where the user does not say; one without a rank never is."""
    precisions: tuple[Precision, ...] = ("float32", "float64")
    """Those that `open` takes."""
    open: Callable[[Gan, State, Precision, str], Session]
    """`open(gan, state, precision, device)`: a session that holds `state`. Imports the framework.

    `device`: 'auto' (the accelerator if there is one), 'cpu', or another name of `ganforge.backend.devices`. Raises
    `PluginError` when there is no such device.
    """
    devices: Callable[[], Mapping[str, str]] | None = None
    """What each device is that the framework sees on this machine, by its common name, the best first.

    Imports the framework. None: it computes on the processor alone.
    """
    distributed: DistributedSupport | None = None
    """How it trains in several processes, if it can."""
