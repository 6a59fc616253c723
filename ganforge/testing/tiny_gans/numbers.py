"""Tiny GANs whose numbers a careless form gets wrong: far from zero, or exactly where a derivative jumps."""

from ganforge.spec.gan import Gan
from ganforge.spec.layers import Elu, Flatten, Relu, Reshape, Residual, Tanh
from ganforge.spec.layers.initializers import ONES, ZEROS, Constant
from ganforge.spec.protocol import TargetChoice
from ganforge.testing.tiny_gans.parts import JUDGE, LEAKY, MAKE, ONE, conv, dense, gan, norm, spread

NUMBERS: dict[str, Gan] = {
    "large-logits": gan(
        MAKE,
        (*JUDGE, dense(units=1, bias_init=Constant(value=21.0))),
        (3, 3, 1),
        targets=TargetChoice(real=0.9),
    ),
    "at-zero": gan(
        MAKE,
        (
            Flatten(),
            Residual(layers=(dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), LEAKY, dense(units=9))),
            Residual(layers=(dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), Elu(alpha=0.7), dense(units=9))),
            Residual(layers=(dense(units=9, kernel_init=ZEROS, bias_init=ZEROS), Relu(), dense(units=9))),
            *ONE,
        ),
        (3, 3, 1),
    ),
    "at-the-margin": gan(MAKE, (Flatten(), dense(units=1, kernel_init=ZEROS, bias_init=ONES)), (3, 3, 1), loss="hinge"),
    "far-mean": gan(
        (
            dense(units=18),
            Reshape(shape=(3, 3, 2)),
            conv(filters=2, kernel=1, bias_init=Constant(value=15.0)),
            norm(),
            Relu(),
            spread(filters=1, kernel=3),
            Tanh(),
        ),
        (*JUDGE, *ONE),
        (3, 3, 1),
    ),
}
