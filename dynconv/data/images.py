"""Published image files, decoded."""

import io

import numpy as np

from dynconv.errors import DynconvError


def decode(content: bytes, where: str, modes: tuple[str, ...] = ()) -> np.ndarray:
    """The pixels of a JPEG, PNG or other image file, uint8 [H, W] or [H, W, C]; a palette's indices as they are stored.

    Args:
        content: the file.
        where: what errors call it.
        modes: Pillow's names of the modes that the dataset may have; empty: convert whatever has 8 bits to RGB.

    Raises:
        DynconvError: not an image, truncated, of another mode, or of a size that only an attack has.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if modes and image.mode not in modes:
                raise DynconvError(f"{where}: is of mode {image.mode}; valid: {', '.join(modes)}")
            if image.mode.startswith(("I", "F")):  # Pillow would cut 16 bits off at 255
                raise DynconvError(f"{where}: is of mode {image.mode}; valid: 8 bits a channel")
            return np.asarray(image if modes else image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DynconvError(f"{where}: not a readable image: {' '.join(str(error).split())}") from None


def centre_crop(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize [H, W, 3] so that its shorter side has `size` pixels, and cut [size, size, 3] out of the centre."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = size / min(height, width)
    wide, high = max(size, round(width * scale)), max(size, round(height * scale))
    left, top = (wide - size) // 2, (high - size) // 2
    resized = Image.fromarray(pixels).resize((wide, high), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + size, top + size)))
