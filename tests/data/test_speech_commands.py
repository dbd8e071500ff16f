"""Speech Commands: spectrograms by a fixed rule, the published lists as splits, and what is refused."""

import shutil
import tarfile
import wave

import numpy as np
import pytest
import scipy.signal

from dynconv.data import log_mel as log_mel_file
from dynconv.data import open_store
from dynconv.data.datasets import speech_commands
from dynconv.data.log_mel import BANDS, FRAMES, RATE, log_mel
from dynconv.data.prepare import prepare
from dynconv.errors import DynconvError

pytestmark = pytest.mark.usefixtures("small")

NAME = "speech_commands"


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "_raw" / NAME
    folder.mkdir(parents=True)
    speech_commands.toy(folder, "")
    return folder


def made(data):
    return open_store(prepare(NAME, data, download=False).parent, NAME)


def sine(hertz, seconds=1.0, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def test_full_scale_is_255_silence_0_and_each_halving_6_decibels():
    assert log_mel(np.zeros(RATE)).max() == 0
    loud = log_mel(sine(1000)).max(axis=(0, 2))[:, None]
    assert loud.max() in range(250, 256)
    quiet = log_mel(sine(1000, amplitude=0.5))[0]
    peak = loud[:, 0].argmax()
    assert int(loud[peak, 0]) - int(quiet[peak].max()) == pytest.approx(6.02 / 100 * 255, abs=1)


def test_a_tone_is_in_its_mel_band():
    for hertz in (60, 300, 1000, 3000, 7500):
        image = log_mel(sine(hertz, amplitude=0.5))[0].astype(int)
        mel = 2595 * np.log10(1 + np.array([20, hertz, 8000]) / 700)
        expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (BANDS + 1) - 1
        assert abs(image.mean(axis=1).argmax() - expected) <= 1


def test_every_band_hears_noise_and_time_runs_along_the_columns():
    samples = np.zeros(RATE)
    samples[RATE // 2 :] = np.random.default_rng(0).normal(0, 0.1, RATE // 2)
    image = log_mel(samples)
    assert image.shape == (1, BANDS, FRAMES) == (1, 64, 98) and image.dtype == np.uint8
    assert (image[0, :, :47] == 0).all() and (image[0, :, 51:].mean(axis=1) > 80).all()


def test_short_clips_end_in_silence():
    image = log_mel(sine(1000, seconds=0.5))
    assert image[0, :, :46].max() > 200 and (image[0, :, 51:] == 0).all()


def test_power_is_scipys():
    samples = np.random.default_rng(0).normal(0, 0.1, RATE)
    options = {"window": "hann", "nperseg": 400, "noverlap": 240, "nfft": 512, "detrend": False, "scaling": "spectrum"}
    _, _, power = scipy.signal.spectrogram(samples, RATE, **options)
    bands = log_mel_file._bands()
    decibels = 10 * np.log10(np.maximum(bands @ (2 * power), 1e-10))  # scipy's 0 dB is a power of 1, a sine's 1/2
    assert np.abs((decibels + 100) / 100 * 255 - log_mel(samples)[0]).max() < 0.51


def test_bands_share_every_frequency_between_them():
    bands = log_mel_file._bands()
    frequencies = np.fft.rfftfreq(512, 1 / RATE)
    between = (frequencies > 50) & (frequencies < 7600)  # from the centre of the first band to that of the last
    assert np.allclose(bands[:, between].sum(axis=0), 1)
    assert (bands.max(axis=1) > 0.3).all()  # none falls between two frequencies


def test_the_published_lists_are_the_splits(raw, tmp_path):
    prepared = made(tmp_path)
    assert prepared.meta["classes"] == ("marvin", "no", "yes")  # sorted, and no background noise
    assert prepared.train.y.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert prepared.test.y.tolist() == [2, 2, 1, 1, 0, 0]  # in the order of the list
    assert "the 3 clips of validation_list.txt left out" in prepared.meta["transformations"][1]
    heights = [prepared.train.x[prepared.train.y == label].mean(axis=(0, 1, 3)).argmax() for label in (2, 1, 0)]
    assert heights == sorted(heights) and heights[0] < heights[2]  # yes 300, no 900, marvin 2700 Hz


@pytest.mark.parametrize(("suffix", "top"), [("tar.gz", "."), ("tgz", "."), ("tar", "speech_commands_v0.02")])
def test_archives_as_published_and_packed_by_others(raw, tmp_path, suffix, top, monkeypatch):
    unpacked = made(tmp_path)
    archive = raw / f"speech_commands_v0.02.{suffix}"
    with tarfile.open(archive, "w" if suffix == "tar" else "w:gz") as file:
        file.add(raw / "speech_commands_v0.02", top)  # ".": members are called ./yes/..., as in the published one
    shutil.rmtree(raw / "speech_commands_v0.02")
    if archive.name == speech_commands.ARCHIVE.name:
        with pytest.raises(DynconvError, match=r"v0\.02\.tar\.gz: its sha256 is"):
            prepare(NAME, tmp_path, download=False, force=True)
        return
    prepare(NAME, tmp_path, download=False, force=True)
    assert open_store(tmp_path / NAME, NAME).meta["dataset_hash"] == unpacked.meta["dataset_hash"]


def clip(raw):
    return raw / "speech_commands_v0.02/no/00000001_nohash_0.wav"


def rewritten(raw, channels=1, rate=RATE, samples=RATE):
    with wave.open(str(clip(raw)), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * channels * samples))


def cut(raw):
    clip(raw).write_bytes(clip(raw).read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (cut, r"00000001_nohash_0\.wav: has 15500 of 16000 samples"),
        (lambda raw: clip(raw).write_bytes(b"RIFF"), r"00000001_nohash_0\.wav: not a readable WAV file: "),
        (lambda raw: clip(raw).write_bytes(b"\xff\xfb" * 99), r"00000001_nohash_0\.wav: not a readable WAV file: "),
        (lambda raw: rewritten(raw, channels=2), r"has 2 channels of 16 bits at 16000 Hz; valid: 1, 16, 16000"),
        (lambda raw: rewritten(raw, rate=8000), r"has 1 channels of 16 bits at 8000 Hz"),
        (lambda raw: rewritten(raw, samples=RATE + 1), r"has 16001 of 16001 samples; valid: all of 1 to 16000"),
        (lambda raw: rewritten(raw, samples=0), r"has 0 of 0 samples"),
        (
            lambda raw: (raw / "speech_commands_v0.02/no/00000006_nohash_0.wav").unlink(),
            r"no/00000006_nohash_0\.wav: no such file, though testing_list\.txt lists it",
        ),
        (
            lambda raw: (raw / "speech_commands_v0.02/validation_list.txt").unlink(),
            r"validation_list\.txt: no such file",
        ),
        (lambda raw: shutil.rmtree(raw / "speech_commands_v0.02"), r"speech_commands_v0\.02\.tar\.gz: no such file"),
    ],
)
def test_bad_files_are_named(raw, tmp_path, damage, cause):
    damage(raw)
    with pytest.raises(DynconvError, match=cause) as error:
        made(tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / NAME).exists()
