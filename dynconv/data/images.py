"""Published image files, decoded."""

import io

import numpy as np

from dynconv.errors import DynconvError


def decode(content: bytes, where: str, modes: tuple[str, ...] = ()) -> np.ndarray:
    """The pixels of a JPEG, PNG or other image file, uint8 [H, W] or [H, W, C]; a palette's indices as they are stored.

    Args:
        content: the file.
        where: what errors call it.
        modes: Pillow's names of the modes that the dataset may have; empty: convert whatever it is to RGB.

    Raises:
        DynconvError: not an image, truncated, of another mode, or of a size that only an attack has.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if modes and image.mode not in modes:
                raise DynconvError(f"{where}: is of mode {image.mode}; valid: {', '.join(modes)}")
            return np.asarray(image if modes else image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DynconvError(f"{where}: not a readable image: {' '.join(str(error).split())}") from None
