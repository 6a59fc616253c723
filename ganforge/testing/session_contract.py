"""What a session promises beside its numbers: states go in and out, looking changes nothing, nothing is random."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ganforge.backend.contract import Precision, Session, StepInputs
from ganforge.backend.observations import node_names
from ganforge.errors import StateError
from ganforge.spec.arrays import Array, Labels, State
from ganforge.spec.gan import NETWORKS, Gan
from ganforge.testing.findings import Finding
from ganforge.testing.tiny_gans import inputs


def contract_breaches(session: Session, gan: Gan, precision: Precision) -> Iterator[Finding]:
    """Those that `session`, which holds `gan.initial_state(0)`, does not keep."""
    state = {name: each.astype(precision) for name, each in gan.initial_state(0).items()}
    yield from _state_goes_in_and_out(session, gan, state, precision)
    yield from _wrong_states_are_refused(session, gan, state)
    yield from _looking_changes_nothing(session, gan, state)
    yield from _names_are_those_of_the_gan(session, gan)
    yield from _a_step_is_determined(session, gan, state)
    yield from _images_do_not_depend_on_their_company(session, gan)


def _state_goes_in_and_out(session: Session, gan: Gan, state: State, precision: Precision) -> Iterator[Finding]:
    held = session.state()
    yield from _apart("the state that it was opened with is not the one it holds", held, state)
    yield from (
        Finding(what=f"state() gives {each.dtype} in {precision}", where=name)
        for name, each in held.items()
        if each.dtype != precision
    )
    for each in held.values():
        each += 1.0
    yield from _apart("state() gives no copy: changing it changes the session", session.state(), state)
    other = {name: each + np.pi for name, each in gan.initial_state(1).items()}
    session.load_state(other)
    rounded = {name: each.astype(precision) for name, each in other.items()}
    yield from _apart("a loaded state comes out changed", session.state(), rounded)
    for each in other.values():
        each += 1.0
    yield from _apart("load_state() takes no copy: changing its argument changes the session", session.state(), rounded)
    session.load_state(state)


def _wrong_states_are_refused(session: Session, gan: Gan, state: State) -> Iterator[Finding]:
    other = gan.initial_state(1)
    name = list(other)[len(other) // 2]
    wrong: dict[str, State] = {
        "a missing array": {key: each for key, each in other.items() if key != name},
        "an extra array": other | {"generator/extra": np.zeros(1)},
        "an array of another shape": other | {name: np.zeros((*other[name].shape, 2))},
    }
    for what, given in wrong.items():
        named = "generator/extra" if "extra" in what else name
        try:
            session.load_state(given)
        except StateError as error:
            if named not in str(error):
                yield Finding(what=f"the error about {what} does not name it", where=named)
        except Exception as error:  # any other is the finding
            yield Finding(
                what=f"{what} raises {type(error).__name__}, not StateError; see Gan.check_state", where=named
            )
        else:
            yield Finding(what=f"a state with {what} is loaded without an error; call Gan.check_state", where=named)
        yield from _apart(f"a state with {what} is refused, but the session has changed", session.state(), state)
        session.load_state(state)


def _looking_changes_nothing(session: Session, gan: Gan, state: State) -> Iterator[Finding]:
    fed = inputs(gan, 0, 0)
    latents, labels = fed.generator[0].latents, fed.generator[0].labels
    looks: dict[str, Callable[[], object]] = {
        "gradients": lambda: session.gradients(fed),
        "generate": lambda: session.generate(latents, labels),
        "trace with a key": lambda: session.trace("generator", latents, labels, key=1),
        "trace": lambda: session.trace("generator", latents, labels),
    }
    if gan.protocol.average:
        looks["generate averaged"] = lambda: session.generate(latents, labels, averaged=True)
    for name, look in looks.items():
        look()
        yield from _apart(f"{name} changes the session", session.state(), state)
        session.load_state(state)


def _names_are_those_of_the_gan(session: Session, gan: Gan) -> Iterator[Finding]:
    fed = inputs(gan, 0, 0)
    made = fed.generator[0]
    outputs = session.trace("generator", made.latents, made.labels)
    if set(outputs) != set(node_names(gan.generator)):
        yield Finding(what=f"trace gives the nodes {list(outputs)}, not {list(node_names(gan.generator))}")
    elif list(outputs)[-1] != gan.generator[-1].name:
        yield Finding(what="the last that trace gives is not the image", where=list(outputs)[-1])
    trained = [f"{name}/{each.name}" for name in NETWORKS for each in gan.parameters(name) if each.trained]
    gradients = session.gradients(fed)
    if set(gradients) != set(trained):
        odd = sorted(set(gradients) ^ set(trained))
        yield Finding(what="gradients are of other arrays than the trained ones", where=", ".join(odd[:3]))


def _a_step_is_determined(session: Session, gan: Gan, state: State) -> Iterator[Finding]:
    ends = []
    for _ in range(2):
        session.load_state(state)
        for number in range(2):
            session.step(inputs(gan, 0, number))
        ends.append(session.state())
    session.load_state(state)
    yield from _apart("two steps from the same state, done twice, differ: a resumed run would not be exact", *ends)


def _images_do_not_depend_on_their_company(session: Session, gan: Gan) -> Iterator[Finding]:
    latents, labels = _many(gan, inputs(gan, 0, 0))
    everyone, (low, high) = np.arange(len(latents)), gan.pixel_range
    for exact in (True, False):
        whole = session.generate(latents, labels, exact=exact)
        allowed = 0.0 if exact else (high - low) / 255.0
        for places in (everyone[:1], everyone[1:], everyone[::-1]):
            some = session.generate(latents[places], None if labels is None else labels[places], exact=exact)
            if some.shape == whole[places].shape and np.abs(some - whole[places]).max() <= allowed:
                continue
            yield Finding(
                what="an image generated exactly depends, if only in its last digit, on the others in its batch; "
                "generate in batches of one fixed size"
                if exact
                else "a generated image differs by more than one grey level with the others in its batch",
                where="generate",
            )
            return


def _many(gan: Gan, fed: StepInputs) -> tuple[Array, Labels | None]:
    """A few more latents than a batch."""
    first, made = fed.discriminator[0], fed.generator[0]
    latents = np.concatenate([first.latents, made.latents])
    if first.labels is None or made.labels is None:
        return latents, None
    return latents, np.concatenate([first.labels, made.labels])


def _apart(what: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> Iterator[Finding]:
    """One finding, at the first array that is not the same to the last bit."""
    for name, each in expected.items():
        if name not in found or found[name].tobytes() != each.tobytes():
            yield Finding(what=what, where=name)
            return
