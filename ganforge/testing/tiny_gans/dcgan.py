"""The one that is not tiny: a DCGAN for the long runs of the parity contract."""

from functools import cache, partial

from ganforge.spec.gan import Gan
from ganforge.spec.layers import BatchNorm, Conv, ConvTranspose, Dense, Flatten, LeakyRelu, Relu, Reshape, Tanh
from ganforge.spec.layers.initializers import Normal
from ganforge.spec.optimizers import Adam
from ganforge.spec.protocol import Latent, Player
from ganforge.testing.tiny_gans.parts import gan


@cache
def small_dcgan() -> Gan:
    """The DCGAN of the parity contract: 32 x 32, generator 64-32-16-3 channels, batches of 16."""
    init = Normal(std=0.02)
    conv = partial(Conv, kernel=4, stride=2, kernel_init=init)
    spread = partial(ConvTranspose, kernel=4, stride=2, kernel_init=init)
    norm = partial(BatchNorm, decay=0.9, epsilon=1e-5, scale_init=Normal(mean=1.0, std=0.02))
    leaky = LeakyRelu(slope=0.2)
    adam = Player(optimizer=Adam(learning_rate=2e-4, beta1=0.5, beta2=0.999, epsilon=1e-8))
    return gan(
        (
            Dense(units=4 * 4 * 64, kernel_init=init),
            Reshape(shape=(4, 4, 64)),
            norm(),
            Relu(),
            spread(filters=32),
            norm(),
            Relu(),
            spread(filters=16),
            norm(),
            Relu(),
            spread(filters=3),
            Tanh(),
        ),
        (
            conv(filters=16),
            leaky,
            conv(filters=32),
            norm(),
            leaky,
            conv(filters=64),
            norm(),
            leaky,
            Flatten(),
            Dense(units=1, kernel_init=init),
        ),
        (32, 32, 3),
        latent=Latent(size=100),
        batch_size=16,
        discriminator=adam,
        generator=adam,
    )
