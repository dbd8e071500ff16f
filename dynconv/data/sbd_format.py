"""The Semantic Boundaries Dataset: more masks for VOC's images, as MATLAB files.

`benchmark_RELEASE/dataset/{img/<id>.jpg, cls/<id>.mat, train.txt, val.txt}`; `GTcls.Segmentation` of a `.mat` is the
mask, with VOC's classes and without void (Hariharan et al. 2011, Semantic contours from inverse detectors).
"""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dynconv.data.tree import Tree, entries
from dynconv.data.voc_format import Pair
from dynconv.errors import DynconvError

ROOT = "benchmark_RELEASE/dataset"


def ids(tree: Tree) -> list[str]:
    """All images, of SBD's own training and validation lists."""
    return sorted({*entries(tree, "train.txt"), *entries(tree, "val.txt")})


def pairs(tree: Tree, ids: Iterable[str]) -> list[Pair]:
    """The files of the images `ids`."""
    return [Pair(tree, f"img/{name}.jpg", f"cls/{name}.mat", decode_mask) for name in ids]


def decode_mask(content: bytes, where: str) -> np.ndarray:
    """`GTcls.Segmentation`, uint8 [H, W]; DynconvError if the file is not one of SBD's."""
    from scipy.io import loadmat

    try:
        mask = loadmat(io.BytesIO(content))["GTcls"]["Segmentation"][0, 0]
    except Exception as error:  # loadmat raises whatever the damage leads it to
        raise DynconvError(f"{where}: not a readable mask of SBD: {' '.join(str(error).split())}") from None
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise DynconvError(f"{where}: its mask is {mask.dtype} {list(mask.shape)}; valid: uint8 of 2 dimensions")
    return mask


def write(raw: Path, split: str, names: Iterable[str], examples: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write (image uint8 [H, W, 3], mask uint8 [H, W]) pairs under these names, and the list `<split>.txt`."""
    from PIL import Image
    from scipy.io import savemat

    root, names = raw / ROOT, list(names)
    for folder in ("img", "cls"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, (image, mask) in zip(names, examples, strict=True):
        Image.fromarray(image).save(root / "img" / f"{name}.jpg", quality=95)
        present = np.unique(mask[mask > 0])[:, None]
        content = {"GTcls": {"Segmentation": mask, "CategoriesPresent": present}}
        savemat(root / "cls" / f"{name}.mat", content, do_compression=True)  # which finds damage, as the published have
    (root / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
