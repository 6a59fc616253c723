"""The loops that ganforge is compared with, as one writes them by hand in PyTorch.

Plain modules, `torch.optim.Adam`, and the order of PyTorch's own DCGAN example: zero_grad, backward on real and on fake
images, step, and the same for the generator. Each function gives `step(images, labels)`, images being uint8
(B, height, width, channels) as they come from a file. Nothing here knows ganforge; what is trained is what its recipes
of the same names train.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Step = Callable[[np.ndarray, np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class Style:
    """Where a loop computes, and what people do to make it faster."""

    device: str = "cpu"
    channels_last: bool = False
    autocast: bool = False
    """Networks in bfloat16 by torch.autocast, losses in float32."""
    compiler: str | None = None
    """Networks by torch.compile with this backend."""

    def placed(self, network: nn.Module) -> nn.Module:
        """The network on the device."""
        network.to(self.device)
        if self.channels_last:
            network.to(memory_format=torch.channels_last)
        return network if self.compiler is None else torch.compile(network, backend=self.compiler)

    def casting(self) -> AbstractContextManager[object]:
        """While open, operations are cast where the style says so."""
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.autocast)

    def images(self, pictures: np.ndarray) -> Tensor:
        """(B, channels, height, width) of 0 to 255 on the device."""
        sent = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float()
        return sent if self.channels_last else sent.contiguous()


PLAIN = Style()


def dcgan(size: int, style: Style = PLAIN, width: int = 64) -> Step:
    """Radford et al. 2015 for images of `size`, a power of two: PyTorch's example with as many layers as fit."""
    widths = [width * 2**depth for depth in range(size.bit_length() - 3)]  # 64: 64 to 512; 32: 64 to 256
    up: list[nn.Module] = [
        nn.ConvTranspose2d(100, widths[-1], 4, bias=False),
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(True),
    ]
    for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True):
        up += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
    generator = nn.Sequential(*up, nn.ConvTranspose2d(widths[0], 3, 4, 2, 1, bias=False), nn.Tanh())
    down: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for narrow, wide in pairwise(widths):
        down += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)]
    discriminator = nn.Sequential(*down, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Sigmoid())
    for network in (generator, discriminator):
        network.apply(_as_dcgan)
    generator, discriminator = style.placed(generator), style.placed(discriminator)
    criterion = nn.BCELoss()
    d_adam = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    g_adam = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step(pictures: np.ndarray, labels: np.ndarray) -> None:
        real = style.images(pictures) / 127.5 - 1.0
        batch, device = len(real), style.device

        def loss(images: Tensor, target: float) -> Tensor:
            with style.casting():
                found = discriminator(images)
            return criterion(found.float().view(-1), torch.full((batch,), target, device=device))

        discriminator.zero_grad()
        loss(real, 1.0).backward()
        with style.casting():
            fake = generator(torch.randn(batch, 100, 1, 1, device=device))
        loss(fake.detach(), 0.0).backward()
        d_adam.step()
        generator.zero_grad()
        loss(fake, 1.0).backward()
        g_adam.step()

    return step


def _as_dcgan(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _average(averaged: list[Tensor], generator: nn.Module) -> None:
    with torch.no_grad():
        for mean, weight in zip(averaged, generator.parameters(), strict=True):
            mean.lerp_(weight, 0.005)


def _with_maps(x: Tensor, hot: Tensor) -> Tensor:
    return torch.cat([x, hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


class MnistGenerator(nn.Module):
    """The label joined before every layer, as carpedm20 has it."""

    def __init__(self) -> None:
        super().__init__()
        self.dense1, self.norm1 = nn.Linear(110, 1024), nn.BatchNorm1d(1024)
        self.dense2, self.norm2 = nn.Linear(1034, 128 * 7 * 7), nn.BatchNorm1d(128 * 7 * 7)
        self.up1, self.norm3 = nn.ConvTranspose2d(138, 128, 5, 2, 2, output_padding=1), nn.BatchNorm2d(128)
        self.up2 = nn.ConvTranspose2d(138, 1, 5, 2, 2, output_padding=1)

    def forward(self, latents: Tensor, hot: Tensor) -> Tensor:
        """(B, 100), (B, 10) -> (B, 1, 28, 28) in [0, 1]."""
        x = F.relu(self.norm1(self.dense1(torch.cat([latents, hot], 1))))
        x = F.relu(self.norm2(self.dense2(torch.cat([x, hot], 1))))
        x = F.relu(self.norm3(self.up1(_with_maps(x.view(-1, 128, 7, 7), hot))))
        return torch.sigmoid(self.up2(_with_maps(x, hot)))


class MnistDiscriminator(nn.Module):
    """The label joined before every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(11, 11, 5, 2, 2)
        self.down2, self.norm1 = nn.Conv2d(21, 74, 5, 2, 2), nn.BatchNorm2d(74)
        self.dense1, self.norm2 = nn.Linear(74 * 7 * 7 + 10, 1024), nn.BatchNorm1d(1024)
        self.dense2 = nn.Linear(1034, 1)

    def forward(self, pictures: Tensor, hot: Tensor) -> Tensor:
        """(B, 1, 28, 28), (B, 10) -> logits (B, 1)."""
        x = F.leaky_relu(self.down1(_with_maps(pictures, hot)), 0.2)
        x = F.leaky_relu(self.norm1(self.down2(_with_maps(x, hot))), 0.2).flatten(1)
        x = F.leaky_relu(self.norm2(self.dense1(torch.cat([x, hot], 1))), 0.2)
        return self.dense2(torch.cat([x, hot], 1))


def cgan_mnist(style: Style = PLAIN) -> Step:
    """carpedm20's conditional network for 28x28 digits: one update of D, two of G, averaged weights."""
    generator, discriminator = MnistGenerator(), MnistDiscriminator()
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            nn.init.zeros_(module.bias)
    generator, discriminator = style.placed(generator), style.placed(discriminator)
    averaged = [weight.detach().clone() for weight in generator.parameters()]
    criterion = nn.BCEWithLogitsLoss()
    d_adam = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    g_adam = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def step(pictures: np.ndarray, labels: np.ndarray) -> None:
        real, device = style.images(pictures) / 255.0, style.device
        hot = F.one_hot(torch.from_numpy(labels).to(device), 10).float()
        latents = torch.rand(len(real), 100, device=device) * 2.0 - 1.0
        ones, zeros = torch.ones(len(real), 1, device=device), torch.zeros(len(real), 1, device=device)
        d_adam.zero_grad()
        with style.casting():
            fake = generator(latents, hot)
            on_real, on_fake = discriminator(real, hot), discriminator(fake.detach(), hot)
        (criterion(on_real.float(), ones) + criterion(on_fake.float(), zeros)).backward()
        d_adam.step()
        for _ in range(2):
            g_adam.zero_grad()
            with style.casting():
                found = discriminator(generator(latents, hot), hot)
            criterion(found.float(), ones).backward()
            g_adam.step()
        _average(averaged, generator)

    return step


class DigitsGenerator(nn.Module):
    """Two layers up to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.norm1 = nn.Linear(42, 64 * 4 * 4), nn.BatchNorm2d(64)
        self.up, self.norm2 = nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32)
        self.last = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, latents: Tensor, hot: Tensor) -> Tensor:
        """(B, 32), (B, 10) -> (B, 1, 8, 8) in [-1, 1]."""
        x = self.dense(torch.cat([latents, hot], 1)).view(-1, 64, 4, 4)
        x = F.relu(self.norm2(self.up(F.relu(self.norm1(x)))))
        return torch.tanh(self.last(x))


class DigitsDiscriminator(nn.Module):
    """A convolution and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(11, 48, 4, 2, 1)
        self.dense1, self.dense2 = nn.Linear(48 * 4 * 4 + 10, 64, bias=False), nn.Linear(64, 1)

    def forward(self, pictures: Tensor, hot: Tensor) -> Tensor:
        """(B, 1, 8, 8), (B, 10) -> logits (B, 1)."""
        x = F.leaky_relu(self.down(_with_maps(pictures, hot)), 0.2).flatten(1)
        return self.dense2(F.leaky_relu(self.dense1(torch.cat([x, hot], 1)), 0.2))


def digits() -> Step:
    """A small conditional GAN, relativistic average loss, rates that fall, averaged weights."""
    generator, discriminator = DigitsGenerator(), DigitsDiscriminator()
    averaged = [weight.detach().clone() for weight in generator.parameters()]
    d_adam = torch.optim.Adam(discriminator.parameters(), lr=1.5e-3, betas=(0.5, 0.99))
    g_adam = torch.optim.Adam(generator.parameters(), lr=1.5e-3, betas=(0.5, 0.99))
    rates = [torch.optim.lr_scheduler.LambdaLR(adam, lambda done: 1 / (1 + 6e-4 * done)) for adam in (d_adam, g_adam)]

    def step(pictures: np.ndarray, labels: np.ndarray) -> None:
        real = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        hot = F.one_hot(torch.from_numpy(labels), 10).float()
        twice = torch.cat([hot, hot])
        d_adam.zero_grad()
        fake = generator(torch.randn(len(real), 32), hot)
        on_fake, on_real = discriminator(torch.cat([fake.detach(), real]), twice).chunk(2)
        loss = F.softplus(on_fake.mean() - on_real).mean() + F.softplus(on_fake - on_real.mean()).mean()
        (0.5 * loss).backward()
        d_adam.step()
        g_adam.zero_grad()
        on_real, on_fake = discriminator(real, hot), discriminator(fake, hot)
        loss = F.softplus(on_real - on_fake.mean()).mean() + F.softplus(on_real.mean() - on_fake).mean()
        (0.5 * loss).backward()
        g_adam.step()
        for rate in rates:
            rate.step()
        _average(averaged, generator)

    return step
