"""What each step is fed: every image once an epoch, everything a function of (seed, step)."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fakes import tiny_gan
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ganforge.backend.contract import FULL_BATCH, Shard, StepInputs
from ganforge.errors import RunError
from ganforge.spec import random_streams
from ganforge.spec.augmentation import Augmentation
from ganforge.spec.optimizers import SGD, Adam
from ganforge.spec.protocol import Average, Latent, PenaltyChoice, Player, TargetChoice
from ganforge.spec.regularization import Consistency
from ganforge.training import batches
from ganforge.training.batches import Batches, batch_indices, check_last_batch, draw_latents, draw_step, draw_steps

IMAGES = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
LABELS = np.arange(10, dtype=np.int64) % 3
PENALTY = PenaltyChoice(name="gradient", weight=10.0)


def step_of(number: int = 0, seed: int = 0, labels: np.ndarray | None = None, **protocol: object) -> StepInputs:
    return draw_step(Batches(gan=tiny_gan(**protocol), images=IMAGES, labels=labels, seed=seed), number)


def equal(one: StepInputs, other: StepInputs) -> bool:
    return repr(one) == repr(other)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 5), st.booleans(), st.integers(0, 2**20))
def test_an_epoch_shows_no_image_twice(count: int, batch: int, epoch: int, shuffled: bool, seed: int) -> None:
    batch = min(batch, count)
    whole = count // batch
    shown = [batch_indices(count, batch, epoch * whole + i, seed=seed, shuffled=shuffled) for i in range(whole)]
    indices = np.concatenate(shown)
    assert all(each.shape == (batch,) and each.dtype == np.int64 for each in shown)
    assert len(set(indices.tolist())) == len(indices) == whole * batch
    assert 0 <= indices.min() and indices.max() < count


def test_all_images_are_shown_when_batches_fill_the_epoch() -> None:
    shown = np.concatenate([batch_indices(9000, 100, number, seed=1, shuffled=True) for number in range(90)])
    assert sorted(shown.tolist()) == list(range(9000))


def test_what_is_left_over_is_another_rest_each_epoch() -> None:
    rests = [
        set(range(10)) - set(np.concatenate([batch_indices(10, 4, 2 * e + i, seed=0, shuffled=True) for i in (0, 1)]))
        for e in range(20)
    ]
    assert all(len(rest) == 2 for rest in rests)
    assert set().union(*rests) == set(range(10))


def test_sequential_order() -> None:
    found = [batch_indices(10, 4, number, seed=0, shuffled=False).tolist() for number in range(3)]
    assert found == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]


@pytest.mark.parametrize("block", [1, 7, 64, 5000])
def test_batches_do_not_depend_on_the_size_of_a_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a batch spans several."""
    expected = [
        random_streams.shuffled(2, e, 100, np.arange(100))[i * 30 : (i + 1) * 30] for e in (0, 1) for i in (0, 1, 2)
    ]
    batches._shuffled_block.cache_clear()
    monkeypatch.setattr(batches, "_BLOCK", block)
    found = [batch_indices(100, 30, number, seed=2, shuffled=True) for number in range(6)]
    batches._shuffled_block.cache_clear()
    assert [each.tolist() for each in found] == [each.tolist() for each in expected]


def test_a_batch_may_be_changed_without_harm() -> None:
    batch_indices(50, 10, 0, seed=0, shuffled=True)[:] = -1
    assert (batch_indices(50, 10, 0, seed=0, shuffled=True) >= 0).all()


def test_the_same_step_is_always_the_same() -> None:
    options: dict[str, object] = {"targets": TargetChoice(flip=0.3, noise=0.1)}
    assert equal(step_of(17, seed=3, **options), step_of(17, seed=3, **options))
    assert not equal(step_of(17, seed=3, **options), step_of(18, seed=3, **options))
    assert not equal(step_of(17, seed=3, **options), step_of(17, seed=4, **options))


def test_shapes_and_types() -> None:
    (fed,), (made,) = step_of().discriminator, step_of().generator
    assert (fed.images.shape, fed.images.dtype) == ((4, 2, 2, 1), np.uint8)
    assert (fed.latents.shape, fed.latents.dtype) == ((4, 3), np.float64)
    assert fed.real_targets.shape == fed.fake_targets.shape == made.targets.shape == (4, 1)
    assert fed.interpolation is None
    assert 0 <= fed.key < 2**32 and 0 <= made.key < 2**32


def test_a_penalty_is_given_places_to_look_at() -> None:
    (fed,) = step_of(penalty=PENALTY).discriminator
    assert fed.interpolation is not None
    assert fed.interpolation.shape == (4, 1, 1, 1)
    assert 0 <= fed.interpolation.min() and fed.interpolation.max() < 1


def test_unconditional_networks_get_no_labels() -> None:
    inputs = step_of(labels=LABELS)
    assert inputs.discriminator[0].labels is None
    assert inputs.generator[0].labels is None


def conditional(number: int = 0, **protocol: object) -> StepInputs:
    gan = tiny_gan(**protocol)
    gan = replace(
        gan,
        generator_network=changed(gan.generator_network, classes=3),
        discriminator_network=changed(gan.discriminator_network, classes=3),
    )
    return draw_step(Batches(gan=gan, images=IMAGES, labels=LABELS, seed=0), number)


def test_a_label_stays_with_its_image() -> None:
    for number in range(5):
        for fed in conditional(number, discriminator=Player(updates=2)).discriminator:
            assert fed.labels is not None
            assert fed.labels.tolist() == [int(value) % 3 for value in fed.images[:, 0, 0, 0]]


def test_the_generator_sees_the_discriminators_last_batch() -> None:
    inputs = conditional(discriminator=Player(updates=3), generator=Player(updates=2))
    last = inputs.discriminator[-1]
    for made in inputs.generator:
        assert made.images.tolist() == last.images.tolist()
        assert made.labels is not None and last.labels is not None
        assert made.labels.tolist() == last.labels.tolist()


def test_each_update_has_its_own_batch_noise_and_key() -> None:
    inputs = step_of(2, discriminator=Player(updates=2), generator=Player(updates=3), penalty=PENALTY)
    assert (len(inputs.discriminator), len(inputs.generator)) == (2, 3)
    fed = inputs.discriminator + inputs.generator
    assert len({each.key for each in fed}) == 5
    assert len({each.latents.tobytes() for each in fed}) == 5
    one, other = inputs.discriminator
    assert not set(one.images[:, 0, 0, 0].tolist()) & set(other.images[:, 0, 0, 0].tolist())
    assert one.interpolation is not None and other.interpolation is not None
    assert one.interpolation.tolist() != other.interpolation.tolist()


def test_updates_are_counted_over_steps() -> None:
    """Step 2 of three updates begins with the seventh, whatever the number of updates in a step."""
    rate, other = SGD(learning_rate=1.0, rate_decay=1.0), Adam(learning_rate=0.5)
    three = step_of(2, discriminator=Player(updates=3, optimizer=rate), generator=Player(updates=2, optimizer=other))
    assert [each.scale for each in three.discriminator] == [rate.scale(done) for done in (6, 7, 8)]
    assert [each.scale for each in three.generator] == [other.scale(done) for done in (4, 5)]
    single = step_of(6, discriminator=Player(optimizer=rate)).discriminator[0]
    assert single.images.tolist() == three.discriminator[0].images.tolist()
    assert single.latents.tolist() == three.discriminator[0].latents.tolist()
    assert single.key == three.discriminator[0].key


def test_shared_latents_are_those_of_the_last_update() -> None:
    inputs = step_of(latents="shared", discriminator=Player(updates=2), generator=Player(updates=2))
    for made in inputs.generator:
        assert made.latents.tolist() == inputs.discriminator[-1].latents.tolist()
    fresh = step_of(latents="fresh").generator[0]
    assert fresh.latents.tolist() != step_of(latents="fresh").discriminator[0].latents.tolist()


def test_targets_as_given() -> None:
    inputs = step_of(targets=TargetChoice(real=0.9, fake=0.1))
    assert set(inputs.discriminator[0].real_targets.ravel()) == {0.9}
    assert set(inputs.discriminator[0].fake_targets.ravel()) == {0.1}
    assert set(inputs.generator[0].targets.ravel()) == {0.9}


def test_targets_are_exchanged_by_their_share() -> None:
    choice = TargetChoice(real=1.0, fake=0.0, flip=0.25)
    fed = [step_of(number, targets=choice) for number in range(400)]
    real = Counter(np.concatenate([each.discriminator[0].real_targets for each in fed]).ravel())
    fake = Counter(np.concatenate([each.discriminator[0].fake_targets for each in fed]).ravel())
    assert set(real) == set(fake) == {0.0, 1.0}
    assert abs(real[0.0] / 1600 - 0.25) < 0.05
    assert abs(fake[1.0] / 1600 - 0.25) < 0.05
    both = np.array(
        [(each.discriminator[0].real_targets == 0) & (each.discriminator[0].fake_targets == 1) for each in fed]
    )
    assert abs(both.mean() - 1 / 16) < 0.03  # one image's flip says nothing of its neighbour's
    assert {value for each in fed for value in each.generator[0].targets.ravel()} == {1.0}


def test_noise_is_added_to_both_targets_upwards() -> None:
    choice = TargetChoice(real=1.0, fake=0.0, noise=0.2, flip=1.0)
    fed = [step_of(number, targets=choice).discriminator[0] for number in range(100)]
    real, fake = (np.concatenate([getattr(each, f"{kind}_targets") for each in fed]) for kind in ("real", "fake"))
    assert 0.0 <= real.min() < 0.01 and 0.19 < real.max() < 0.2  # exchanged, then noisy
    assert 1.0 <= fake.min() < 1.01 and 1.19 < fake.max() < 1.2
    assert (real != fake - 1).any()


def test_average_weight_comes_from_the_step() -> None:
    assert [step_of(number, average=Average(decay=0.5)).average for number in (0, 1, 30)] == [0.1, 2 / 11, 0.5]


def test_a_lazy_penalty_is_fed_in_its_own_updates_alone() -> None:
    lazy = PenaltyChoice(name="gradient", weight=2.0, every=3)
    steps = [step_of(number, penalty=lazy, discriminator=Player(updates=2)) for number in range(3)]
    fed = [each for step in steps for each in step.discriminator]
    assert [each.penalty_weight for each in fed] == [6.0, None, None, 6.0, None, None]
    assert [each.interpolation is None for each in fed] == [False, True, True] * 2
    always = step_of(1, penalty=PENALTY, discriminator=Player(updates=2)).discriminator[1]
    assert np.array_equal(fed[3].interpolation, always.interpolation)


def test_uniform_latents_stay_in_their_range() -> None:
    latent = Latent(size=200, distribution="uniform", low=-2.0, high=3.0)
    values = draw_latents(latent, slice(0, 50), 0, "x")
    assert values.shape == (50, 200)
    assert -2 <= values.min() < -1.9 and 2.9 < values.max() <= 3


def test_normal_latents() -> None:
    values = draw_latents(Latent(size=200), slice(0, 50), 0, "x")
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.03


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 256), (255, 257), (256, 700), (640, 700)])
def test_a_row_of_latents_is_the_same_whatever_is_drawn_beside_it(start: int, stop: int) -> None:
    whole = draw_latents(Latent(size=3), slice(0, 700), 5, "x", 9)
    assert len(np.unique(whole)) == 2100
    assert np.array_equal(draw_latents(Latent(size=3), slice(start, stop), 5, "x", 9), whole[start:stop])


def test_the_first_rows_of_latents_are_one_stream() -> None:
    """As they were when every batch was one stream, so that runs of then go on exactly."""
    expected = random_streams.generator(5, "x", 9).standard_normal((64, 3))
    assert np.array_equal(draw_latents(Latent(size=3), slice(0, 64), 5, "x", 9), expected)


@pytest.mark.parametrize("shuffled", [True, False])
def test_shares_of_indices_put_together(shuffled: bool) -> None:
    for number in range(5):  # shares begin and end inside blocks of 4096 positions
        whole = batch_indices(20_000, 6000, number, seed=1, shuffled=shuffled)
        shares = [Shard(rank=rank, count=3) for rank in range(3)]
        parts = [batch_indices(20_000, 6000, number, seed=1, shuffled=shuffled, shard=shard) for shard in shares]
        assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("most", [1, 3, 16])
@pytest.mark.parametrize("steps", [range(2, 2), range(2, 3), range(2, 11)], ids=len)
def test_steps_are_the_same_however_many_are_drawn_together(
    steps: range, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_STEPS", most)
    gan = tiny_gan()
    drawn = list(draw_steps(Batches(gan=gan, images=IMAGES, labels=None, seed=4), steps))
    assert len(drawn) == len(steps)
    for step, inputs in zip(steps, drawn, strict=True):
        assert equal(inputs, draw_step(Batches(gan=gan, images=IMAGES, labels=None, seed=4), step))


def test_steps_of_large_images_are_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def noted(given: Batches, step: int) -> StepInputs:
        drawn.append(step)
        return draw_step(given, step)

    monkeypatch.setattr(batches, "draw_step", noted)
    gan, bytes_of_step = tiny_gan(), 4 * 2 * 2
    for most, expected in ((2 * bytes_of_step - 1, [5]), (2 * bytes_of_step, [5, 6])):
        monkeypatch.setattr(batches, "_BYTES", most)
        drawn.clear()
        next(draw_steps(Batches(gan=gan, images=IMAGES, labels=None, seed=4), range(5, 9)))
        assert drawn == expected


# The last batch of an epoch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffled", [True, False])
def test_a_kept_last_batch_holds_what_an_epoch_leaves_over(shuffled: bool) -> None:
    found = [batch_indices(10, 4, number, seed=5, shuffled=shuffled, keep_last=True) for number in range(6)]
    assert [len(each) for each in found] == [4, 4, 2, 4, 4, 2]
    assert sorted(np.concatenate(found[:3])) == sorted(np.concatenate(found[3:])) == list(range(10))
    even = [batch_indices(8, 4, number, seed=5, shuffled=shuffled, keep_last=True) for number in range(3)]
    assert [len(each) for each in even] == [4, 4, 4]


def test_a_smaller_batch_is_fed_the_first_rows_of_what_is_drawn_for_a_whole_one() -> None:
    noisy = {"batch_size": 4, "targets": TargetChoice(noise=0.1), "penalty": PENALTY, "latents": "fresh"}
    smaller, whole = step_of(2, keep_last=True, **noisy), step_of(2, **noisy)
    for each, other in ((smaller.discriminator[0], whole.discriminator[0]), (smaller.generator[0], whole.generator[0])):
        assert len(each.images) == 2
        for name in {"latents", "real_targets", "fake_targets", "interpolation", "targets"} & vars(each).keys():
            assert np.array_equal(getattr(each, name), getattr(other, name)[:2]), name
        assert each.key == other.key
        assert each.scale == other.scale


def test_the_generators_updates_have_as_many_rows_as_the_discriminators_last_one() -> None:
    players = {"discriminator": Player(updates=2), "generator": Player(updates=2)}
    found = [step_of(number, batch_size=4, keep_last=True, latents="fresh", **players) for number in range(3)]
    assert [[len(each.images) for each in step.discriminator] for step in found] == [[4, 4], [2, 4], [4, 2]]
    assert [[len(each.latents) for each in step.generator] for step in found] == [[4, 4], [4, 4], [2, 2]]


@pytest.mark.parametrize(
    ("size", "keep_last", "count", "refused"),
    [
        (13, True, 1, "13 images has 1: generator layer 01_batch_norm would be a batch norm over one value"),
        (14, True, 2, "14 images has 2, which several processes do not share; take another --batch-size"),
        (14, True, 1, None),
        (16, True, 2, None),
        (13, False, 2, None),
    ],
)
def test_what_last_batches_cannot_be_trained_on(size: int, keep_last: bool, count: int, refused: str | None) -> None:
    gan, images = tiny_gan(batch_size=4, keep_last=keep_last), np.zeros((size, 2, 2, 1), np.uint8)
    made = Batches(gan=gan, images=images, labels=None, seed=0, shard=Shard(rank=0, count=count))
    check_last_batch(made, 3)  # which do not come to it
    if refused is None:
        check_last_batch(made, 4)
    else:
        with pytest.raises(RunError, match=refused):
            check_last_batch(made, 4)


# Images that vary -----------------------------------------------------------------------------------------------------

PHOTOS = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3)).astype(np.uint8)


def photos_of(number: int, shard: Shard = FULL_BATCH, **protocol: object) -> StepInputs:
    gan = tiny_gan(**protocol)
    return draw_step(Batches(gan=gan, images=PHOTOS, labels=None, seed=3, shard=shard), number)


def test_half_of_the_images_are_mirrored_and_none_is_changed_otherwise() -> None:
    mirrored = 0
    for number in range(20):
        plain, found = (photos_of(number, batch_size=8, mirror=mirror) for mirror in (False, True))
        for one, other in zip(plain.discriminator[0].images, found.discriminator[0].images, strict=True):
            flipped = np.array_equal(other, one[:, ::-1])
            assert flipped or np.array_equal(other, one)
            mirrored += flipped
        assert found.generator[0].images is found.discriminator[0].images
        assert np.array_equal(plain.discriminator[0].latents, found.discriminator[0].latents)
    assert 60 < mirrored < 100


def test_a_random_crop_is_a_window_of_the_reflected_image() -> None:
    places = Counter()
    for number in range(40):
        plain, found = (photos_of(number, batch_size=8, random_crop=most) for most in (0, 1))
        for one, other in zip(plain.discriminator[0].images, found.discriminator[0].images, strict=True):
            wide = np.pad(one, ((1, 1), (1, 1), (0, 0)), "reflect")
            windows = {(i, j): wide[i : i + 6, j : j + 5] for i in range(3) for j in range(3)}
            places[next(place for place, window in windows.items() if np.array_equal(window, other))] += 1
    assert len(places) == 9
    assert max(places.values()) < 2 * min(places.values()) + 20


def test_workers_vary_and_augment_their_rows_as_one_process_does() -> None:
    settings = {
        "batch_size": 8,
        "mirror": True,
        "random_crop": 1,
        "augment": Augmentation(flip=True, translation=0.3, probability=0.5),
        "consistency": Consistency(fake=1.0, augment=Augmentation(flip=True)),
    }
    whole = photos_of(5, **settings)
    halves = [photos_of(5, Shard(rank=rank, count=2), **settings) for rank in range(2)]
    names = ("images", "real_draws", "fake_draws", "real_consistency_draws", "fake_consistency_draws")
    for name in names:
        parts = [getattr(each.discriminator[0], name) for each in halves]
        assert np.array_equal(np.concatenate(parts), getattr(whole.discriminator[0], name)), name
    drawn = [getattr(whole.discriminator[0], name).tobytes() for name in names[1:]]
    made = whole.generator[0].fake_draws
    assert made is not None
    assert len({*drawn, made.tobytes()}) == 5
    assert whole.generator[0].real_draws is None  # its loss does not look at them
    assert equal(photos_of(5, **settings), whole)
