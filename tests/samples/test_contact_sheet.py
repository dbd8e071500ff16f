"""The drawn sheet: the very pixels, the very lines, small, the same every time, harmless whatever the names."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import yaml
from sheets import DATASETS, HREF, SVG, made_up, pictures, points, words

from dynconv.cli import main
from dynconv.data import VOID
from dynconv.data.voc_format import palette
from dynconv.engine import samples
from dynconv.report.contact_sheet import draw
from dynconv.report.embed import LONGEST, line


def shown(row):
    return (row.stored, *row.others)


def test_small_grey_pictures_are_exact(make_study, data):
    sheet = samples.sheet(make_study(), "digits", data)
    expected = [example.x[0] for row in sheet.rows for example in shown(row)]
    for found, wanted in zip(pictures(draw(sheet)), expected, strict=True):
        assert (found == wanted).all()


def test_stored_images_and_all_masks_are_exact(make_study, data):
    sheet = samples.sheet(make_study(), "shapes_voc", data)
    colours = np.array(palette(), np.uint8).reshape(-1, 3)
    found = iter(pictures(draw(sheet)))
    for row in sheet.rows:
        for place, example in enumerate(shown(row)):
            image, mask = next(found), next(found)
            error = np.abs(image.astype(int) - example.x.transpose(1, 2, 0))
            assert error.max() == 0 if place == 0 else error.mean() < 12  # of 255: WebP, of noise
            void = example.mask == VOID
            assert void.any() and (mask[..., 3] == np.where(void, 0, 255)).all()
            assert (mask[~void][:, :3] == colours[example.mask[~void]]).all()
    assert next(found, None) is None


def test_series_are_drawn_in_grey_with_each_epoch_over_them(make_study, data):
    sheet = samples.sheet(make_study(), "ucr/GunPoint", data)
    root = ET.fromstring(draw(sheet))
    stored = {g.get("id"): g for g in root.findall(f"{SVG}defs/{SVG}g")}
    panels = root.findall(f"{SVG}g/{SVG}g")
    assert len(panels) == samples.BESIDE * len(sheet.rows) and len(stored) == len(sheet.rows)
    for row in sheet.rows:
        values = np.concatenate([example.x[0] for example in shown(row)])
        mine = [panel for panel in panels if panel.find(f"{SVG}use").get(HREF) == f"#stored-{row.id}"]
        paths = [group.find(f"{SVG}path") for group in (stored[f"stored-{row.id}"], *mine)]
        for example, path in zip(shown(row), paths, strict=True):
            drawn, series = points(path), example.x[0]
            assert 20 < len(drawn) <= 150 and (np.diff(drawn[:, 0]) >= 0).all()
            # Its extremes are there, at their heights on the row's scale.
            heights = (values.max() - np.array([series.max(), series.min()])) / np.ptp(values) * 44
            np.testing.assert_allclose([drawn[:, 1].min(), drawn[:, 1].max()], heights, atol=0.11)


def test_a_long_series_keeps_its_peaks_and_a_short_one_its_points():
    series = np.zeros(5000, np.float32)
    series[1234], series[4000] = 1, -1
    drawn = points(ET.Element("path", {"d": line(series, -1, 1, 100, 50, 60)}))
    assert len(drawn) <= 60
    np.testing.assert_allclose(drawn[drawn[:, 1] == 0, 0], [1234 / 50], atol=0.06)
    np.testing.assert_allclose(drawn[drawn[:, 1] == 50, 0], [4000 / 50], atol=0.06)
    ramp = np.linspace(-1, 1, 11, dtype=np.float32)
    drawn = points(ET.Element("path", {"d": line(ramp, -1, 1, 10, 10, 60)}))
    np.testing.assert_allclose(drawn, np.stack([np.arange(11), 10 - np.arange(11)], 1), atol=1e-9)


@pytest.mark.parametrize("x", [np.zeros(1), np.zeros(7), np.full(3, -2.5)])
def test_a_line_without_height_or_length_is_still_a_path(x):
    assert line(x, float(x.min()), float(x.max()), 100, 50, 60).startswith("M0 50")


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("augmented", [True, False])
def test_same_data_same_bytes_and_few_of_them(make_study, data, dataset, augmented):
    study = make_study() if augmented else make_study(augment={})
    one, other = (draw(samples.sheet(study, dataset, data)) for _ in range(2))
    assert one == other
    limit = {"digits": 40, "shapes_voc": 45, "ucr/GunPoint": 20}[dataset]  # the shapes are noisy: no picture is larger
    assert len(one) <= limit * 1024


@pytest.mark.parametrize(
    ("sheet", "limit"),
    [
        (made_up(1, 28, 28), 40),
        (made_up(1, 150, rows=6), 20),
        (made_up(1, 2844, rows=6), 20),
        (made_up(3, 500, rows=6), 20),
        (made_up(3, 512, 512), 250),
    ],
    ids=lambda value: "x".join(map(str, value.rows[0].stored.x.shape)) if hasattr(value, "rows") else str(value),
)
def test_noise_stays_within_the_budget(sheet, limit):
    assert len(draw(sheet)) <= limit * 1024


def test_large_images_are_shrunk_with_their_masks():
    sheet = made_up(3, 300, 512, masks=True, rows=1)
    image, mask = pictures(draw(sheet))[:2]
    assert max(image.shape) == LONGEST and max(mask.shape) <= LONGEST
    assert image.shape[1] / image.shape[0] == pytest.approx(512 / 300, rel=0.02)
    assert mask.shape[1] / mask.shape[0] == pytest.approx(512 / 300, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 40, 101), (3, 8, 64), (3, 64, 8), (2, 16, 16), (1, 1, 1), (7, 30), (2, 1)])
def test_every_shape_is_drawn_within_its_frame(shape):
    sheet = made_up(*shape)
    root = ET.fromstring(draw(sheet))
    _, _, width, height = map(float, root.get("viewBox").split())
    for element in root.iter(f"{SVG}image"):
        x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
        assert x + w <= width + 0.1 and y + h <= height and w > 0 and h > 0
        if shape[1] > 1:
            assert w / h == pytest.approx(shape[2] / shape[1], rel=0.05)
    assert len(sheet.rows) == sum(text.startswith("class ") for text in words(draw(sheet)))


def test_what_is_said(make_study, data):
    svg = draw(samples.sheet(make_study(), "digits", data))
    assert words(svg)[:6] == ["digits", "stored", "epoch 1", "epoch 2", "epoch 3", "class 0"]
    root = ET.fromstring(svg)
    assert root.findtext(f"{SVG}desc") == "As stored, then after pad_crop, cutout, as by the recipe for seed 3."
    assert root.findtext(f"{SVG}title") == (
        "digits: training examples of 0, 3, 6 and 9, as stored and augmented by pad_crop and cutout."
    )
    none = draw(samples.sheet(make_study(augment={}), "digits", data))
    assert words(none)[:3] == ["digits", "no augmentation in the recipe", "class 0"]
    assert "No augmentation in the recipe" in ET.fromstring(none).findtext(f"{SVG}desc")
    assert words(draw(made_up(1, 8, 8, toy=True)))[0] == "d (toy)"
    shapes = draw(samples.sheet(make_study(), "shapes_voc", data))
    assert any("■\u00a0background" in text and "■\u00a0disc" in text for text in words(shapes))


EVIL, LONG = "<script>alert(1)</script>", "n" * 200


@pytest.mark.parametrize("masks", [True, False])
def test_hostile_names_are_short_text(masks):
    svg = draw(made_up(3, 16, 16, names=(EVIL, LONG, '" onload="x', "\u4e2d" * 90), masks=masks, dataset=EVIL + LONG))
    root = ET.fromstring(svg)
    assert not root.findall(".//{*}script") and "<script" not in svg
    assert not any(key.startswith("on") for element in root.iter() for key in element.attrib)
    names = [text for text in words(svg) if "stored" not in text]
    assert any(text.startswith("class <script>") for text in names) or masks
    assert max(map(len, names)) < 80 and any("…" in text for text in names)
    # What is too wide all the same is cut off at the edge of the sheet.
    assert all("clip-path" in group.attrib for group in root.findall(f"{SVG}g"))


def test_the_command_writes_the_file_and_only_that(make_study, data, tmp_path, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(make_study().model_dump(mode="json")))
    out = tmp_path / "samples/ucr/GunPoint.svg"
    command = ["samples", "--study", str(study), "--dataset", "ucr/GunPoint", "--out", str(out), "--data", str(data)]
    assert main(command) == 0 and capsys.readouterr().out == f"{out}\n"
    assert [path.name for path in out.parent.iterdir()] == ["GunPoint.svg"]
    assert out.read_text() == draw(samples.sheet(make_study(), "ucr/GunPoint", data))
    assert main([*command[:4], "letters", *command[5:]]) == 2
    assert "unknown dataset 'letters'" in capsys.readouterr().err


def test_drawing_needs_no_torch():
    code = "import sys, dynconv.report.contact_sheet as _; sys.exit(bool({'torch', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
