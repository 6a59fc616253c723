"""What a network costs: parameters by layer, and the arithmetic of a step."""

from dataclasses import dataclass
from math import prod

from ganforge.spec.gan import NETWORKS, Gan, NetworkName
from ganforge.spec.layers.chain import walk
from ganforge.spec.layers.contract import Shape
from ganforge.spec.network import layer_rows


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """A row of the layer table."""

    name: str
    settings: str
    output: Shape
    parameters: int
    """Trained elements; running statistics are not counted."""
    products: int
    """Multiplications of a forward pass for one image, of products and convolutions only."""


def network_costs(gan: Gan, network: NetworkName) -> tuple[LayerCost, ...]:
    """The layer table of a network."""
    nodes = gan.nodes(network)
    sizes: dict[str, int] = {}
    for parameter in gan.parameters(network):
        if parameter.trained:
            node = parameter.name.rpartition("/")[0]
            sizes[node] = sizes.get(node, 0) + prod(parameter.shape)
    return tuple(
        LayerCost(
            name=name,
            settings=settings,
            output=output,
            parameters=sizes.get(name, 0),
            products=node.layer.products(node),
        )
        for node, (name, settings, output) in zip(walk(nodes), layer_rows(nodes), strict=True)
    )


def step_operations(gan: Gan) -> int:
    """Floating-point operations of a step, a multiplication and an addition being two; penalties are not counted.

    A backward pass costs two forward ones, one for the inputs and one for the weights. The discriminator's update makes
    fakes (1 x G) and passes real and fake forward and back (6 x D), and once more for each term of consistency (3 x D);
    the generator's passes through both (3 x G, 2 x D).
    """
    g = sum(cost.products for cost in network_costs(gan, "generator"))
    d = sum(cost.products for cost in network_costs(gan, "discriminator"))
    consistency = gan.protocol.consistency
    passes = 2 if consistency is None else 2 + (consistency.real > 0) + (consistency.fake > 0)
    updates = gan.protocol.discriminator.updates * (g + 3 * passes * d) + gan.protocol.generator.updates * (
        3 * g + 2 * d
    )
    return 2 * gan.protocol.batch_size * updates


def batch_that_fits(gan: Gan, available: int, *, item: int) -> int:
    """Images in a batch whose step takes about so many bytes: an estimate from the sizes of the arrays.

    Arrays of the state are held one and a half times, with gradients and what an update makes of them. For each image
    the generator's outputs and twice the discriminator's, for real and fake, wait for the backward pass, and as much
    again is in work: gradients, windows of convolutions, joined labels.

    item: bytes of a number in a step.
    """
    held = 6 * sum(prod(shape) for shape in gan.shapes.values())
    outputs = {name: sum(prod(node.output) for node in walk(gan.nodes(name))) for name in NETWORKS}
    each = 2 * item * (outputs["generator"] + 2 * outputs["discriminator"])
    return max(0, (available - held) // each) * gan.protocol.accumulate
