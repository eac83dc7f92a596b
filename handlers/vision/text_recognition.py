"""Recognition of a piece of text: cropped, turned upright, and read by a CTC network.

A CTC ("connectionist temporal classification") network looks at a line from left to right and gives, for each of its
steps, a probability for each character and for "no new character", the blank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from handlers.vision.geometry import Floats
from handlers.vision.networks import Network

LINE_HEIGHT = 48
"""The height of the lines that the network reads, in pixels."""

_WIDTH_STEP = 32
_SHORTEST_WIDTH = 320
_LONGEST_WIDTH = 3200


@dataclass(frozen=True, slots=True)
class Reading:
    """Text of a piece.

    Attributes:
        text: The text; empty where none could be read.
        confidence: The mean probability of its characters, from 0 to 1.
        columns: The columns of pixels that the network looked at, to which its time is proportional.
    """

    text: str
    confidence: float
    columns: int = 0


class TextRecognizer:
    """Recognizer of single lines of text.

    Args:
        network: Takes (1, 3, 48, width), answers (1, steps, characters) probabilities.
        characters: The characters in the order of the network's answer, after the blank.
    """

    def __init__(self, network: Network, characters: Sequence[str]) -> None:
        self._network = network
        self._characters = characters

    def read(self, line: Image.Image) -> Reading:
        """Read a line.

        Args:
            line: In mode RGB, upright, cut out closely.
        """
        width = max(1, min(_LONGEST_WIDTH, math.ceil(LINE_HEIGHT * line.width / line.height)))
        pixels = np.asarray(line.resize((width, LINE_HEIGHT), Image.Resampling.BILINEAR), dtype=np.float32)
        # Grey beyond the end of the line; few different widths, so that the network's buffers are used again.
        padded = max(_SHORTEST_WIDTH, -(-width // _WIDTH_STEP) * _WIDTH_STEP)
        batch = np.zeros((1, 3, LINE_HEIGHT, padded), dtype=np.float32)
        batch[0, :, :, :width] = (pixels[:, :, ::-1] / 127.5 - 1).transpose(2, 0, 1)
        return replace(decode(self._network(batch)[0], self._characters), columns=padded)


def decode(steps: Floats, characters: Sequence[str]) -> Reading:
    """Make text of a CTC network's answer, by the likeliest character of each step.

    Args:
        steps: The probabilities, as (steps, 1 + characters); the first is the blank's.
        characters: The characters in the order of the probabilities, after the blank.
    """
    best = steps.argmax(axis=1)
    is_new = (best != 0) & (best != np.concatenate([[0], best[:-1]]))
    if not is_new.any():
        return Reading("", 0.0)
    text = "".join(characters[index - 1] for index in best[is_new])
    return Reading(text, float(steps.max(axis=1)[is_new].mean()))


def cut_out(image: Image.Image, corners: Floats) -> Image.Image:
    """Cut a piece of text out of an image and turn it upright, no larger than reading it needs.

    Args:
        image: In mode RGB.
        corners: Rows of x and y in pixels of the image, going round: where the text starts at the top, ends at the
            top, ends at the bottom, starts at the bottom. What is outside the image is black.
    """
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (image.width - 1, image.height - 1))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), (left + 1, top + 1), image.size)
    width, height = (float(np.hypot(*side)) for side in (corners[1] - corners[0], corners[3] - corners[0]))
    # Reduced first: the turn itself takes single pixels and would skip the rest.
    scale = min(1.0, 2 * LINE_HEIGHT / max(1.0, height))
    size = tuple(max(1, round(side * scale)) for side in (right - left, bottom - top))
    around = image.resize(size, Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    quad = (corners - (left, top)) * (size[0] / (right - left), size[1] / (bottom - top))
    start, end, end_below, start_below = quad.tolist()
    return around.transform(
        (max(1, round(width * scale)), max(1, round(height * scale))),
        Image.Transform.QUAD,
        (*start, *start_below, *end_below, *end),
        Image.Resampling.BICUBIC,
    )
