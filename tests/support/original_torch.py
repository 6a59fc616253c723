"""The systems of PyTorch and Paddle as plain torch; see original_networks.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from original_networks import Arrays, Network, mask, of_network


@dataclass
class Paper:
    """Adam as Paddle's documents have it: epsilon hat."""

    rate: float
    beta1: float
    count: int = 0
    m: Arrays = field(default_factory=dict)
    v: Arrays = field(default_factory=dict)

    def __call__(self, name: str, weight: Any, gradient: Any) -> Any:
        """The weight after an update."""
        self.m[name] = self.beta1 * self.m.get(name, 0.0) + (1 - self.beta1) * gradient
        self.v[name] = 0.999 * self.v.get(name, 0.0) + (1 - 0.999) * gradient * gradient
        rate = self.rate * np.sqrt(1 - 0.999**self.count) / (1 - self.beta1**self.count)
        return weight - rate * self.m[name] / (self.v[name] ** 0.5 + 1e-8)


class TorchProgram:
    """What the PyTorch systems share: arrays in torch's layout, and a step."""

    def __init__(self, state: Mapping[str, np.ndarray], cancelled: set[str], width: int, dropouts: list[int]) -> None:
        import torch

        self.torch, self.width, self.dropouts, self.cancelled = torch, width, dropouts, cancelled
        self.names = {
            network: [name for name in state if name.startswith(f"{network}/")]
            for network in ("generator", "discriminator")
        }
        self.begin({name: self.inward(torch.tensor(array)) for name, array in state.items()})

    def inward(self, x: Any) -> Any:
        """A kernel as torch lays it out: (out, in, height, width), transposed (in, out, height, width)."""
        return x.permute(3, 2, 0, 1).contiguous() if x.ndim == 4 else x

    def outward(self, x: Any) -> np.ndarray:
        x = x.detach()
        return (x.permute(2, 3, 1, 0) if x.ndim == 4 else x).numpy()

    def pixels(self, images: np.ndarray) -> Any:
        return self.torch.tensor(images.transpose(0, 3, 1, 2).astype(np.float64) / 127.5 - 1.0)


class Celeba(TorchProgram):
    """The PyTorch tutorial with torch's own modules and its own Adam; modules in training mode, as there."""

    nets: Mapping[str, Network] = {}

    def begin(self, arrays: Arrays) -> None:
        nn, wide = self.torch.nn, self.width
        made: list[Any] = []
        widths = [100, 8 * wide, 4 * wide, 2 * wide, wide, 3]
        for at, (ins, outs) in enumerate(pairwise(widths)):
            stride, padding = (1, 0) if at == 0 else (2, 1)
            made += [nn.BatchNorm2d(ins), nn.ConvTranspose2d(ins, outs, 4, stride, padding)]
            made += [nn.Tanh() if at == 4 else nn.LeakyReLU(0.2)]
        self.G = nn.Sequential(*made).double()
        made = [nn.Conv2d(3, wide, 4, 2, 1), nn.LeakyReLU(0.2)]
        for ins in (wide, 2 * wide, 4 * wide):
            made += [nn.BatchNorm2d(ins), nn.Conv2d(ins, 2 * ins, 4, 2, 1), nn.LeakyReLU(0.2)]
        made += [nn.BatchNorm2d(8 * wide), nn.Conv2d(8 * wide, 1, 4, 1, 0), nn.Sigmoid()]
        self.D = nn.Sequential(*made).double()
        for network, module in (("generator", self.G), ("discriminator", self.D)):
            for name, own in zip(self.names[network], self.held(module), strict=True):
                own.data.copy_(arrays[name])
        adam = self.torch.optim.Adam
        self.of_g = adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.of_d = adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def held(self, module: Any) -> list[Any]:
        kept = ("weight", "bias", "running_mean", "running_var")
        return [getattr(each, name) for each in module for name in kept if getattr(each, name, None) is not None]

    def step(self, fed: Any) -> dict[str, float]:
        torch, (given,), (made,) = self.torch, fed.discriminator, fed.generator
        loss, images = torch.nn.BCELoss(), self.pixels(given.images)
        ones, zeros = (torch.full((len(images), 1), value, dtype=torch.float64) for value in (1.0, 0.0))
        noise = torch.tensor(given.latents)[:, :, None, None]
        self.of_d.zero_grad()
        real_loss = loss(self.D(images).view(len(images), -1), ones)
        fake_loss = loss(self.D(self.G(noise).detach()).view(len(images), -1), zeros)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        self.of_d.step()
        self.of_g.zero_grad()
        g_loss = loss(self.D(self.G(torch.tensor(made.latents)[:, :, None, None])).view(len(images), -1), ones)
        g_loss.backward()
        self.of_g.step()
        return {"d_loss": d_loss.item(), "g_loss": g_loss.item()}

    def arrays(self) -> Arrays:
        """All arrays by their names in a state."""
        return {
            name: self.outward(own)
            for network, module in (("generator", self.G), ("discriminator", self.D))
            for name, own in zip(self.names[network], self.held(module), strict=True)
        }


class Anime(TorchProgram):
    """The Paddle project in torch's operations: its Adam, its dropout, a softmax over fake and real."""

    def begin(self, arrays: Arrays) -> None:
        self.nets = {
            network: Network(
                {name.removeprefix(f"{network}/"): arrays[name] for name in names}, of_network(network, self.cancelled)
            )
            for network, names in self.names.items()
        }
        self.adam = {network: Paper(2e-4, 0.8) for network in self.nets}

    def bn(self, net: Network, x: Any) -> Any:
        scale, offset, mean, variance = (net.take() for _ in range(4))
        if not net.moves:
            mean, variance = mean.clone(), variance.clone()
        norm = self.torch.nn.functional.batch_norm
        return norm(x, mean, variance, scale, offset, training=True, momentum=0.5, eps=1e-5)

    def conv(self, net: Network, x: Any, stride: int, padding: int) -> Any:
        return self.torch.conv2d(x, net.take(), net.take(), stride, padding)

    def generator(self, net: Network, z: Any) -> Any:
        relu, torch = self.torch.relu, self.torch
        x = relu(self.bn(net, z @ net.take() + net.take()))
        x = x.view(len(z), 6, 6, 8 * self.width).permute(0, 3, 1, 2)
        inner = relu(self.bn(net, self.conv(net, x, 1, 1)))
        x = relu(x + self.bn(net, self.conv(net, inner, 1, 1)))
        for _ in range(3):
            x = relu(self.bn(net, torch.conv_transpose2d(x, net.take(), net.take(), 2, 1)))
        return torch.tanh(torch.conv_transpose2d(x, net.take(), net.take(), 2, 1))

    def discriminator(self, net: Network, x: Any, key: int, number: int) -> Any:
        torch, lrelu = self.torch, self.torch.nn.functional.leaky_relu
        for at, layer in enumerate(self.dropouts):
            x = self.conv(net, x, 2, 1)
            x = lrelu(x if at == 0 else self.bn(net, x), 0.2)
            batch, channels, height, width = x.shape
            kept = mask(key, number, layer, (batch, height, width, channels), 0.4).transpose(0, 3, 1, 2)
            x = x * torch.tensor(kept)  # downgrade_in_infer: not divided by 0.6
        return x.permute(0, 2, 3, 1).reshape(len(x), -1) @ net.take() + net.take()

    def step(self, fed: Any) -> dict[str, float]:
        torch, (given,), (made,) = self.torch, fed.discriminator, fed.generator
        real, fake = (torch.full((len(given.images),), target) for target in (1, 0))
        entropy = torch.nn.functional.cross_entropy

        def d_loss() -> Any:
            images, fakes = self.pixels(given.images), self.fakes(given.latents, moves=False).detach()
            real_loss = entropy(self.judge(images, True, given.key, 1), real)
            return real_loss + entropy(self.judge(fakes, True, given.key, 2), fake)

        def g_loss() -> Any:
            return entropy(self.judge(self.fakes(made.latents, moves=True), False, made.key, 2), real)

        return {"d_loss": self.update("discriminator", d_loss), "g_loss": self.update("generator", g_loss)}

    def fakes(self, z: np.ndarray, *, moves: bool) -> Any:
        self.nets["generator"].begin(moves)
        return self.generator(self.nets["generator"], self.torch.tensor(z))

    def judge(self, x: Any, moves: bool, key: int, number: int) -> Any:
        self.nets["discriminator"].begin(moves)
        return self.discriminator(self.nets["discriminator"], x, key, number)

    def update(self, network: str, loss: Callable[[], Any]) -> float:
        net, adam = self.nets[network], self.adam[network]
        adam.count += 1
        trained = net.trained()
        for name in trained:
            net.arrays[name] = net.arrays[name].detach().requires_grad_()
        value = loss()
        found = self.torch.autograd.grad(value, [net.arrays[name] for name in trained])
        for name in trained:
            net.arrays[name] = net.arrays[name].detach()
        for name, gradient in net.moving(dict(zip(trained, found, strict=True))).items():
            net.arrays[name] = adam(name, net.arrays[name], gradient)
        return float(value.detach())

    def arrays(self) -> Arrays:
        """All arrays by their names in a state."""
        found = {f"{top}/{name}": each for top, net in self.nets.items() for name, each in net.arrays.items()}
        return {name: self.outward(each) for name, each in found.items()}
