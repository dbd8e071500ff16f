"""Augmentation steps: keyed, independent of the batch, and each does what it says."""

import pytest
import torch

from dynconv.data import VOID, augment_images, augment_series
from dynconv.data.augment import STEPS, augment, check
from dynconv.errors import DynconvError

CASES = [(name, task) for name, step in STEPS.items() for task in step.tasks]
IDS = torch.tensor([4, 90, 7, 1, 33, 12, 5])


def batch(task, side=24):
    generator = torch.Generator().manual_seed(0)
    if task == "timeseries":
        return torch.randn(len(IDS), 2, 75, generator=generator), torch.arange(len(IDS)) % 3
    x = torch.randn(len(IDS), 3, side, side + 8, generator=generator)
    if task == "classification":
        return x, torch.arange(len(IDS)) % 3
    y = torch.randint(0, 5, (len(IDS), side, side + 8), generator=generator)
    y[:, 3:6] = VOID
    return x, y


def run(name, task, x, y, ids, seed=0, epoch=0):
    return augment(x, y, [name], seed=seed, epoch=epoch, ids=ids, task=task)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_an_example_does_not_depend_on_its_batch(name, task):
    x, y = batch(task)
    whole = run(name, task, x, y, IDS)
    order = torch.tensor([5, 0, 6, 2, 1, 4, 3])
    for new, old in zip(run(name, task, x[order], y[order], IDS[order]), whole, strict=True):
        assert torch.equal(new, old[order])
    for index in range(len(IDS)):
        one = slice(index, index + 1)
        for new, old in zip(run(name, task, x[one], y[one], IDS[one]), whole, strict=True):
            assert torch.equal(new, old[one])


@pytest.mark.parametrize(("name", "task"), CASES)
def test_keyed_on_seed_epoch_and_example(name, task):
    x, y = batch(task)
    x, y = x[:1].expand(40, *x.shape[1:]), y[:1].expand(40, *y.shape[1:])
    ids = torch.arange(40)
    first = run(name, task, x, y, ids)[0]
    assert torch.equal(first, run(name, task, x, y, ids)[0])
    assert not torch.equal(first, run(name, task, x, y, ids, seed=1)[0])
    assert not torch.equal(first, run(name, task, x, y, ids, epoch=1)[0])
    assert len(first.unique(dim=0)) > 1  # one example, 40 ids: not all treated alike


@pytest.mark.parametrize(("name", "task"), CASES)
def test_inputs_are_left_alone(name, task):
    x, y = batch(task)
    kept = x.clone(), y.clone()
    run(name, task, x, y, IDS)
    assert torch.equal(x, kept[0]) and torch.equal(y, kept[1])


@pytest.mark.parametrize("name", [name for name, task in CASES if task == "segmentation"])
def test_masks_follow_their_images(name):
    """An image that shows its own mask: wherever the mask is not void, image and mask must still agree."""
    _, y = batch("segmentation", side=32)
    y = torch.where(y == VOID, VOID, (torch.arange(y.shape[-1]) // 10).expand_as(y))  # wide stripes
    x = torch.where(y == VOID, 0, y + 1).float()[:, None].expand(-1, 3, -1, -1)
    new_x, new_y = run(name, "segmentation", x, y, IDS)
    shown, known = new_x[:, 0], new_y != VOID
    assert known.any() and not torch.equal(new_y, y)
    agree = (shown.round() == new_y + 1)[known].float().mean()
    assert agree == 1 if name != "scale_crop" else agree > 0.9  # bilinear edges fall between two classes
    assert set(new_y.unique().tolist()) <= set(y.unique().tolist())


@pytest.mark.parametrize("name", [name for name, task in CASES if task == "segmentation"])
def test_void_stays_void(name):
    x, y = batch("segmentation")
    new_y = run(name, "segmentation", x, torch.full_like(y, VOID), IDS)[1]
    assert (new_y == VOID).all()


def test_outside_the_image_is_void_and_mean():
    x, y = batch("segmentation")
    smallest = draws([0.0, 0.5, 0.5])
    new_x, new_y = augment_images.scale_crop(x + 5, y.clamp(max=4), smallest)
    assert (new_y[:, 0] == VOID).all() and (new_x[:, :, 0] == 0).all()
    assert (new_y == VOID).float().mean() == pytest.approx(0.75, abs=0.02)  # half the side: a quarter of the area


def draws(values):
    """Fixed numbers in place of keyed ones."""
    return lambda n: torch.tensor(values).expand(len(IDS), n)


def test_identity_when_the_draw_says_so():
    x, y = batch("segmentation")
    assert torch.equal(augment_images.flip(x, y, draws([0.9]))[0], x)
    assert torch.equal(augment_images.pad_crop(x, y, draws([0.5, 0.5]))[0], x)
    same_x, same_y = augment_images.scale_crop(x, y, draws([1 / 3, 0.2, 0.2]))
    assert torch.allclose(same_x, x, atol=1e-4) and torch.equal(same_y, y)
    x, y = batch("timeseries")
    assert torch.equal(augment_series.shift(x, y, draws([0.5]))[0], x)


def test_pad_crop_moves_whole_pixels():
    x, y = batch("segmentation")
    new_x, new_y = augment_images.pad_crop(x, y, draws([0.0, 0.99]))  # 3 pixels: a side of 24 is below 32
    assert torch.equal(new_x[:, :, 3:, :-3], x[:, :, :-3, 3:])
    assert (new_x[:, :, :3] == 0).all() and (new_y[:, :3] == VOID).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_whole_pixel_steps_copy_just_the_right_pixels(dtype):
    """Against one pixel after the other."""
    x, y = batch("segmentation", side=32)
    x, y = (50 * x.abs()).to(dtype), y.to(torch.uint8)
    numbers = torch.rand(len(IDS), 2, generator=torch.Generator().manual_seed(1))
    moved_x, moved_y = augment_images.pad_crop(x, y, lambda n: numbers[:, :n])
    flipped_x, flipped_y = augment_images.flip(x, y, lambda n: numbers[:, :n])
    assert moved_x.is_contiguous() and moved_x.dtype == flipped_x.dtype == dtype
    height, width = y.shape[1:]
    for i, (down, right) in enumerate((numbers * 9).long().tolist()):
        for row in range(height):
            for column in range(width):
                r, c = row + down - 4, column + right - 4
                inside = 0 <= r < height and 0 <= c < width
                assert moved_y[i, row, column] == (y[i, r, c] if inside else VOID)
                assert (moved_x[i, :, row, column] == (x[i, :, r, c] if inside else 0)).all()
        mirrored = numbers[i, 0] < 0.5
        assert torch.equal(flipped_x[i], x[i].flip(-1) if mirrored else x[i])
        assert torch.equal(flipped_y[i], y[i].flip(-1) if mirrored else y[i])


def test_cutout_blanks_a_quarter_at_most():
    x, y = batch("classification", side=24)
    blank = augment_images.cutout(x, y, draws([0.5, 0.5]))[0] == 0
    assert blank[0, 0].sum() == 12 * 12
    assert augment_images.cutout(x, y, draws([0.0, 0.0]))[0][0, 0].eq(0).sum() == 6 * 6


def test_random_resized_crop_shows_a_part_of_the_image():
    ramp = torch.linspace(0, 1, 32).expand(len(IDS), 3, 24, 32)
    new = augment_images.random_resized_crop(ramp, torch.zeros(len(IDS)), draws([0.0, 0.5, 0.0, 1.0]))[0]
    assert new.shape == ramp.shape
    assert new[0, 0, 0, 0] == pytest.approx(0.5, abs=0.05)  # a quarter of the area, at the right
    assert (new[..., 1:-1].diff() > 0).all()


def test_series_steps_have_the_stated_size():
    x, y = torch.zeros(2000, 1, 50), torch.zeros(2000, dtype=torch.int64)
    ids = torch.arange(2000)
    noise = run("jitter", "timeseries", x, y, ids)[0]
    assert noise.mean().abs() < 1e-3 and noise.std() == pytest.approx(0.03, rel=0.02)
    factors = run("scaling", "timeseries", x + 1, y, ids)[0]
    assert (factors == factors[..., :1]).all()
    assert factors.mean() == pytest.approx(1, abs=0.01) and factors[..., 0].std() == pytest.approx(0.1, rel=0.1)


def test_window_warp_changes_the_speed_only():
    ramp = torch.arange(101.0).expand(len(IDS), 1, 101)
    for speed, slope in ((0.0, 2.0), (0.9, 0.5)):
        warped = augment_series.window_warp(ramp, torch.zeros(len(IDS)), draws([0.4, speed]))[0]
        steps = warped.diff()[0, 0]
        assert warped[0, 0, 0] == 0 and warped[0, 0, -1] == pytest.approx(100)
        assert (steps > 0).all()
        assert (steps.max() if slope > 1 else steps.min()) == pytest.approx(slope, rel=0.1)


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("name", [name for name, task in CASES if task == "timeseries"])
def test_short_series(name, length):
    x = torch.randn(len(IDS), 1, length, generator=torch.Generator().manual_seed(0))
    assert run(name, "timeseries", x, torch.zeros(len(IDS)), IDS)[0].isfinite().all()


@pytest.mark.parametrize(
    ("names", "task", "part"),
    [
        (["flop"], "classification", "'flop' is not a step; valid: cutout, flip"),
        (["flip"], "timeseries", "'flip' is not a step for timeseries; valid: jitter"),
        (["cutout"], "segmentation", "valid: flip, pad_crop, scale_crop"),
        (["flip", "flip"], "classification", "listed twice"),
    ],
)
def test_wrong_steps(names, task, part):
    with pytest.raises(DynconvError) as error:
        check(names, task)
    assert part in str(error.value) and str(error.value).startswith("augment: ")
