"""Sound as an image: the log-mel spectrogram of one second, by constants that know no other clip."""

import functools

import numpy as np

RATE = 16_000  # samples a second
WINDOW, HOP = 400, 160  # samples: 25 and 10 ms
BANDS = 64
FRAMES = 1 + (RATE - WINDOW) // HOP  # 98
FLOOR_DB = -100.0  # becomes 0; a sine of full scale, at 0 dB, becomes 255
_POINTS = 512  # of the Fourier transform
_LOWEST, _HIGHEST = 20.0, RATE / 2  # Hz: edges of the outer bands
RULE = (
    f"log-mel spectrogram of one second at {RATE} Hz, shorter clips filled with zeros: Hann windows of {WINDOW} samples"
    f" every {HOP}, power in {BANDS} triangular mel bands (HTK's) of {_LOWEST:g} to {_HIGHEST:g} Hz,"
    f" {FLOOR_DB:g} to 0 dB of a sine of full scale to 0-255"
)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The spectrogram of up to one second.

    Args:
        samples: float [T] in [-1, 1), T at most `RATE`.

    Returns:
        uint8 [1, BANDS, FRAMES], the lowest band first.
    """
    samples = np.pad(samples.astype(np.float64), (0, RATE - len(samples)))
    window, bands = _window(), _bands()
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * window
    spectrum = np.fft.rfft(frames, _POINTS)
    power = (spectrum.real**2 + spectrum.imag**2) / (window.sum() / 2) ** 2
    decibels = 10 * np.log10(np.maximum(bands @ power.T, 10 ** (FLOOR_DB / 10)))
    return np.rint(np.minimum(1 - decibels / FLOOR_DB, 1) * 255).astype(np.uint8)[None]


@functools.cache
def _window() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


@functools.cache
def _bands() -> np.ndarray:
    """Weights of the Fourier transform's frequencies in each band, [BANDS, _POINTS // 2 + 1], 1 at a band's centre."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(_POINTS, 1 / RATE)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
