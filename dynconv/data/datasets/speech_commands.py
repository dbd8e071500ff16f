"""Speech Commands 0.02: one second each of 35 spoken words, as log-mel spectrograms (images of one channel).

Time runs along their rows: of the augmentations, `pad_crop` and `cutout` make sense here and `flip` does not.
"""

import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dynconv.data import published
from dynconv.data.base import Facts, Spec
from dynconv.data.fetch import fetch
from dynconv.data.log_mel import RATE, RULE, log_mel
from dynconv.data.parallel import in_order
from dynconv.data.remote import Remote
from dynconv.data.tree import Tree, lines, missing, read, top
from dynconv.errors import DynconvError

if TYPE_CHECKING:
    from dynconv.data.writer import Writer

FACTS = Facts(shape=(1, 64, 98), classes=35, train=84_843, test=11_005)
SPEC = Spec(
    task="classification",
    title="Speech Commands 0.02 (35 words, log-mel spectrograms)",
    source="http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    licence="CC BY 4.0",
    citation="Warden (2018), Speech Commands: a dataset for limited-vocabulary speech recognition, arXiv:1804.03209",
    split_rule="test: testing_list.txt (11,005); train: what neither it nor validation_list.txt lists (84,843)",
    facts=FACTS,
)
ROOT = "speech_commands_v0.02"
ARCHIVE = Remote(  # 2.4 GB
    (SPEC.source, "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"),
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
_NOISE = "_background_noise_"
_TEST, _VALIDATION = "testing_list.txt", "validation_list.txt"


def download(raw: Path, member: str) -> None:
    """2.4 GB."""
    if not published.find(raw, ROOT, ARCHIVE):
        fetch([ARCHIVE], raw)


def prepare(raw: Path, writer: "Writer", member: str) -> None:
    """Spectrograms uint8 [1, 64, 98]; the labels follow the sorted words."""
    path = published.find(raw, ROOT, ARCHIVE)
    if path is None:
        raise missing(str(raw / ARCHIVE.name))
    with published.opened(path, remote=ARCHIVE) as tree:
        root = top(tree, _TEST)  # the published archive has no folder at its top; one packed by others may
        test, validation = (lines(tree, f"{root}{name}") for name in (_TEST, _VALIDATION))
        clips = _clips(tree, root)
        for name, listed in ((_TEST, test), (_VALIDATION, validation)):
            if lost := sorted({*listed} - {*clips}):
                raise DynconvError(f"{tree.where(root + lost[0])}: no such file, though {name} lists it")
        held_out = {*test, *validation}
        words = sorted({_word(clip) for clip in clips})
        writer.read_from(tree.origin)
        writer.expect(FACTS)
        writer.describe(words, [RULE, f"{_NOISE} and the {len(validation)} clips of {_VALIDATION} left out"])
        for split, chosen in (("train", [clip for clip in clips if clip not in held_out]), ("test", test)):
            writer.split(split, in_order(lambda clip: (_image(tree, root + clip), words.index(_word(clip))), chosen))


def toy(raw: Path, member: str) -> None:
    """Five training, one validation and two test clips of three words: tones of different height, some cut short."""
    random = np.random.default_rng(0)
    test: list[str] = []
    validation: list[str] = []
    for label, word in enumerate(("yes", "no", "marvin")):
        for index in range(8):
            time = np.arange(RATE if index % 3 else RATE - 4000) / RATE
            tone = 0.3 * np.sin(2 * np.pi * 300 * 3**label * time) + random.normal(0, 0.01, len(time))
            clip = f"{word}/{index:08x}_nohash_0.wav"
            _write(raw / ROOT / clip, tone)
            if index > 4:
                (validation if index == 5 else test).append(clip)
    _write(raw / ROOT / _NOISE / "white_noise.wav", random.normal(0, 0.1, 3 * RATE))
    for name, listed in ((_TEST, test), (_VALIDATION, validation)):
        (raw / ROOT / name).write_text("\n".join(listed) + "\n", encoding="utf-8")


def _clips(tree: Tree, root: str) -> list[str]:
    """`word/name.wav` of every clip, sorted."""
    folders = [folder for folder in tree.folders(root.rstrip("/")) if not folder.endswith(_NOISE)]
    found = [path.removeprefix(root) for folder in folders for path in tree.files(folder) if path.endswith(".wav")]
    if not found:
        raise DynconvError(f"{tree.where(root)}: no clips; valid: {ROOT}/<word>/*.wav")
    return found


def _word(clip: str) -> str:
    return clip.partition("/")[0]


def _image(tree: Tree, path: str) -> np.ndarray:
    where = tree.where(path)
    try:
        with wave.open(io.BytesIO(read(tree, path))) as clip:
            form = (clip.getnchannels(), 8 * clip.getsampwidth(), clip.getframerate())
            frames = clip.getnframes()
            samples = np.frombuffer(clip.readframes(frames), dtype="<i2")
    except (wave.Error, EOFError, ValueError) as error:
        raise DynconvError(f"{where}: not a readable WAV file: {error or 'it ends too early'}") from None
    if form != (1, 16, RATE):
        raise DynconvError(f"{where}: has {form[0]} channels of {form[1]} bits at {form[2]} Hz; valid: 1, 16, {RATE}")
    if not 0 < len(samples) == frames <= RATE:
        raise DynconvError(f"{where}: has {len(samples)} of {frames} samples; valid: all of 1 to {RATE}")
    return log_mel(samples / 2**15)


def _write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * (2**15 - 1)).astype("<i2").tobytes())
