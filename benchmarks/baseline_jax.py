"""The loops that ganforge is compared with, as one writes them by hand in JAX.

As JAX's own examples have it: parameters in dictionaries, `lax.conv_general_dilated` and `lax.conv_transpose`, optax's
Adam (`pip install optax`), one `jax.jit` around the whole step. Each function gives `step(images, labels)`, images
being uint8 (B, height, width, channels). Nothing here knows ganforge; what is trained is what its recipes of the same
names train.
"""

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

Step = Callable[[np.ndarray, np.ndarray], None]
Params = dict[str, dict[str, Array]]
IMAGES = ("NHWC", "HWIO", "NHWC")


def _weights(keys: Iterator[int], *shape: int, bias: bool = True) -> dict[str, Array]:
    made = {"w": 0.02 * jax.random.normal(jax.random.key(next(keys)), shape)}
    return made | {"b": jnp.zeros(shape[-1])} if bias else made


def _scales(width: int) -> dict[str, Array]:
    return {"scale": jnp.ones(width), "offset": jnp.zeros(width)}


def _running(params: Params) -> Params:
    """Running statistics of every batch norm."""
    return {
        name: {"mean": jnp.zeros_like(own["scale"]), "variance": jnp.ones_like(own["scale"])}
        for name, own in params.items()
        if "scale" in own
    }


def _dense(own: dict[str, Array], x: Array) -> Array:
    return x @ own["w"] + own.get("b", 0.0)


def _conv(own: dict[str, Array], x: Array, stride: int = 2, padding: str = "SAME") -> Array:
    x = lax.conv_general_dilated(x, own["w"], (stride, stride), padding, dimension_numbers=IMAGES)
    return x + own.get("b", 0.0)


def _conv_transpose(own: dict[str, Array], x: Array, stride: int = 2, padding: str = "SAME") -> Array:
    return lax.conv_transpose(x, own["w"], (stride, stride), padding, dimension_numbers=IMAGES) + own.get("b", 0.0)


def _norm(own: dict[str, Array], running: dict[str, Array], x: Array) -> tuple[Array, dict[str, Array]]:
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    x = (x - mean) * lax.rsqrt(variance + 1e-5) * own["scale"] + own["offset"]
    seen = {"mean": mean, "variance": variance}
    return x, {name: 0.9 * running[name] + 0.1 * each for name, each in seen.items()}


def _leaky(x: Array) -> Array:
    return jax.nn.leaky_relu(x, 0.2)


def _joined(x: Array, hot: Array) -> Array:
    if x.ndim == 4:
        hot = jnp.broadcast_to(hot[:, None, None], (*x.shape[:3], hot.shape[1]))
    return jnp.concatenate([x, hot], -1)


def _bce(logits: Array, target: float) -> Array:
    return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, target)).mean()


def _averaged(averaged: Params, params: Params) -> Params:
    return jax.tree.map(lambda mean, weight: mean + 0.005 * (weight - mean), averaged, params)


def _stepping(train_step: Callable[..., Any], state: Any) -> Step:
    """Step after step, each waited for: JAX returns before a step is done."""
    kept, compiled, key = [state], jax.jit(train_step), jax.random.key(0)
    numbers = count()

    def step(images: np.ndarray, labels: np.ndarray) -> None:
        own = jax.random.fold_in(key, next(numbers))
        kept[0], loss = compiled(kept[0], images, labels.astype(np.int32), own)
        float(loss)

    return step


def dcgan(size: int) -> Step:
    """Radford et al. 2015 for images of `size`, a power of two."""
    widths, keys = [64 * 2**depth for depth in range(size.bit_length() - 3)], count()
    g: Params = {"up0": _weights(keys, 4, 4, 100, widths[-1], bias=False), "norm0": _scales(widths[-1])}
    for layer, (narrow, wide) in enumerate(reversed(list(pairwise(widths))), start=1):
        g[f"up{layer}"], g[f"norm{layer}"] = _weights(keys, 4, 4, wide, narrow, bias=False), _scales(narrow)
    g["last"] = _weights(keys, 4, 4, widths[0], 3, bias=False)
    d: Params = {"down0": _weights(keys, 4, 4, 3, widths[0], bias=False)}
    for layer, (narrow, wide) in enumerate(pairwise(widths), start=1):
        d[f"down{layer}"], d[f"norm{layer}"] = _weights(keys, 4, 4, narrow, wide, bias=False), _scales(wide)
    d["last"] = _weights(keys, 4, 4, widths[-1], 1, bias=False)
    adam = optax.adam(2e-4, b1=0.5)

    def generate(g: Params, running: Params, latents: Array) -> tuple[Array, Params]:
        x, moved = latents[:, None, None], {}
        for layer in range(len(widths)):
            first = layer == 0
            x = _conv_transpose(g[f"up{layer}"], x, 1 if first else 2, "VALID" if first else "SAME")
            x, moved[f"norm{layer}"] = _norm(g[f"norm{layer}"], running[f"norm{layer}"], x)
            x = jax.nn.relu(x)
        return jnp.tanh(_conv_transpose(g["last"], x)), moved

    def judge(d: Params, running: Params, x: Array) -> tuple[Array, Params]:
        x, moved = _leaky(_conv(d["down0"], x)), {}
        for layer in range(1, len(widths)):
            x = _conv(d[f"down{layer}"], x)
            x, moved[f"norm{layer}"] = _norm(d[f"norm{layer}"], running[f"norm{layer}"], x)
            x = _leaky(x)
        return _conv(d["last"], x, 1, "VALID").reshape(-1), moved

    def train_step(state: Any, images: Array, labels: Array, key: Array) -> tuple[Any, Array]:
        g, d, g_running, d_running, g_adam, d_adam = state
        real = images.astype(jnp.float32) / 127.5 - 1.0
        latents = jax.random.normal(key, (len(images), 100))
        fake, _ = generate(g, g_running, latents)

        def d_loss(d: Params) -> tuple[Array, Params]:
            on_real, moved = judge(d, d_running, real)
            on_fake, moved = judge(d, moved, fake)
            return _bce(on_real, 1.0) + _bce(on_fake, 0.0), moved

        slopes, d_running = jax.grad(d_loss, has_aux=True)(d)
        updates, d_adam = adam.update(slopes, d_adam)
        d = optax.apply_updates(d, updates)

        def g_loss(g: Params) -> tuple[Array, Params]:
            fake, moved = generate(g, g_running, latents)
            return _bce(judge(d, d_running, fake)[0], 1.0), moved

        (loss, g_running), slopes = jax.value_and_grad(g_loss, has_aux=True)(g)
        updates, g_adam = adam.update(slopes, g_adam)
        return (optax.apply_updates(g, updates), d, g_running, d_running, g_adam, d_adam), loss

    return _stepping(train_step, (g, d, _running(g), _running(d), adam.init(g), adam.init(d)))


def cgan_mnist() -> Step:
    """carpedm20's conditional network for 28x28 digits: one update of D, two of G, averaged weights."""
    keys = count()
    g: Params = {
        "dense1": _weights(keys, 110, 1024),
        "norm1": _scales(1024),
        "dense2": _weights(keys, 1034, 128 * 7 * 7),
        "norm2": _scales(128 * 7 * 7),
        "up1": _weights(keys, 5, 5, 138, 128),
        "norm3": _scales(128),
        "up2": _weights(keys, 5, 5, 138, 1),
    }
    d: Params = {
        "down1": _weights(keys, 5, 5, 11, 11),
        "down2": _weights(keys, 5, 5, 21, 74),
        "norm1": _scales(74),
        "dense1": _weights(keys, 74 * 7 * 7 + 10, 1024),
        "norm2": _scales(1024),
        "dense2": _weights(keys, 1034, 1),
    }
    adam = optax.adam(2e-4, b1=0.5)

    def generate(g: Params, running: Params, latents: Array, hot: Array) -> tuple[Array, Params]:
        moved: Params = {}
        x, moved["norm1"] = _norm(g["norm1"], running["norm1"], _dense(g["dense1"], _joined(latents, hot)))
        x = _joined(jax.nn.relu(x), hot)
        x, moved["norm2"] = _norm(g["norm2"], running["norm2"], _dense(g["dense2"], x))
        x = _joined(jax.nn.relu(x).reshape(-1, 7, 7, 128), hot)
        x, moved["norm3"] = _norm(g["norm3"], running["norm3"], _conv_transpose(g["up1"], x))
        return jax.nn.sigmoid(_conv_transpose(g["up2"], _joined(jax.nn.relu(x), hot))), moved

    def judge(d: Params, running: Params, x: Array, hot: Array) -> tuple[Array, Params]:
        moved: Params = {}
        x = _leaky(_conv(d["down1"], _joined(x, hot)))
        x, moved["norm1"] = _norm(d["norm1"], running["norm1"], _conv(d["down2"], _joined(x, hot)))
        x = _joined(_leaky(x).reshape(len(x), -1), hot)
        x, moved["norm2"] = _norm(d["norm2"], running["norm2"], _dense(d["dense1"], x))
        return _dense(d["dense2"], _joined(_leaky(x), hot)), moved

    def train_step(state: Any, images: Array, labels: Array, key: Array) -> tuple[Any, Array]:
        g, d, averaged, g_running, d_running, g_adam, d_adam = state
        real, hot = images.astype(jnp.float32) / 255.0, jax.nn.one_hot(labels, 10)
        latents = jax.random.uniform(key, (len(images), 100), minval=-1.0, maxval=1.0)
        fake, _ = generate(g, g_running, latents, hot)

        def d_loss(d: Params) -> tuple[Array, Params]:
            on_real, moved = judge(d, d_running, real, hot)
            on_fake, moved = judge(d, moved, fake, hot)
            return _bce(on_real, 1.0) + _bce(on_fake, 0.0), moved

        slopes, d_running = jax.grad(d_loss, has_aux=True)(d)
        updates, d_adam = adam.update(slopes, d_adam)
        d = optax.apply_updates(d, updates)

        def g_loss(g: Params, running: Params) -> tuple[Array, Params]:
            fake, moved = generate(g, running, latents, hot)
            return _bce(judge(d, d_running, fake, hot)[0], 1.0), moved

        for _ in range(2):
            (loss, g_running), slopes = jax.value_and_grad(g_loss, has_aux=True)(g, g_running)
            updates, g_adam = adam.update(slopes, g_adam)
            g = optax.apply_updates(g, updates)
        return (g, d, _averaged(averaged, g), g_running, d_running, g_adam, d_adam), loss

    return _stepping(train_step, (g, d, g, _running(g), _running(d), adam.init(g), adam.init(d)))


def digits() -> Step:
    """A small conditional GAN, relativistic average loss, rates that fall, averaged weights."""
    keys = count()
    g: Params = {
        "dense": _weights(keys, 42, 64 * 4 * 4),
        "norm1": _scales(64),
        "up": _weights(keys, 4, 4, 64, 32),
        "norm2": _scales(32),
        "last": _weights(keys, 3, 3, 32, 1),
    }
    d: Params = {
        "down": _weights(keys, 4, 4, 11, 48),
        "dense1": _weights(keys, 48 * 4 * 4 + 10, 64, bias=False),
        "dense2": _weights(keys, 64, 1),
    }
    adam = optax.adam(lambda done: 1.5e-3 / (1 + 6e-4 * done), b1=0.5, b2=0.99)

    def generate(g: Params, running: Params, latents: Array, hot: Array) -> tuple[Array, Params]:
        moved: Params = {}
        x = _dense(g["dense"], _joined(latents, hot)).reshape(-1, 4, 4, 64)
        x, moved["norm1"] = _norm(g["norm1"], running["norm1"], x)
        x, moved["norm2"] = _norm(g["norm2"], running["norm2"], _conv_transpose(g["up"], jax.nn.relu(x)))
        return jnp.tanh(_conv(g["last"], jax.nn.relu(x), 1)), moved

    def judge(d: Params, x: Array, hot: Array) -> Array:
        x = _leaky(_conv(d["down"], _joined(x, hot))).reshape(len(x), -1)
        return _dense(d["dense2"], _leaky(_dense(d["dense1"], _joined(x, hot))))

    def train_step(state: Any, images: Array, labels: Array, key: Array) -> tuple[Any, Array]:
        g, d, averaged, running, g_adam, d_adam = state
        real, hot = images.astype(jnp.float32) / 127.5 - 1.0, jax.nn.one_hot(labels, 10)
        latents = jax.random.normal(key, (len(images), 32))
        fake, _ = generate(g, running, latents, hot)

        def d_loss(d: Params) -> Array:
            on_fake, on_real = jnp.split(judge(d, jnp.concatenate([fake, real]), jnp.concatenate([hot, hot])), 2)
            loss = jax.nn.softplus(on_fake.mean() - on_real).mean() + jax.nn.softplus(on_fake - on_real.mean()).mean()
            return 0.5 * loss

        updates, d_adam = adam.update(jax.grad(d_loss)(d), d_adam)
        d = optax.apply_updates(d, updates)

        def g_loss(g: Params) -> tuple[Array, Params]:
            fake, moved = generate(g, running, latents, hot)
            on_real, on_fake = judge(d, real, hot), judge(d, fake, hot)
            loss = jax.nn.softplus(on_real - on_fake.mean()).mean() + jax.nn.softplus(on_real.mean() - on_fake).mean()
            return 0.5 * loss, moved

        (loss, running), slopes = jax.value_and_grad(g_loss, has_aux=True)(g)
        updates, g_adam = adam.update(slopes, g_adam)
        g = optax.apply_updates(g, updates)
        return (g, d, _averaged(averaged, g), running, g_adam, d_adam), loss

    return _stepping(train_step, (g, d, g, _running(g), adam.init(g), adam.init(d)))
