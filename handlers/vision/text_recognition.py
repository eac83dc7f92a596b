"""What a piece of text says: cuts it out of the image, turns it upright, and reads it with a CTC network.

A CTC ("connectionist temporal classification") network looks at a line from left to right and gives, for each of its
steps, a probability for each character and for "no new character", the blank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from handlers.vision.geometry import Floats, Rectangle
from handlers.vision.text_detection import Network

LINE_HEIGHT = 48
"""The height of the lines that the network reads, in pixels."""

_WIDTH_STEP = 32
_SHORTEST_WIDTH = 320
_LONGEST_WIDTH = 3200
_STRAIGHT_RADIANS = math.radians(0.5)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a piece of text says.

    Attributes:
        text: The text; empty where none could be read.
        confidence: The mean probability of its characters, from 0 to 1.
    """

    text: str
    confidence: float


class TextRecognizer:
    """Reads single lines of text.

    Args:
        network: Takes (1, 3, 48, width), answers (1, steps, characters) probabilities.
        characters: The characters in the order of the network's answer, after the blank.
    """

    def __init__(self, network: Network, characters: Sequence[str]) -> None:
        self._network = network
        self._characters = characters

    def read(self, line: Image.Image) -> Reading:
        """Reads a line.

        Args:
            line: In mode RGB, upright, cut out closely.
        """
        width = max(1, min(_LONGEST_WIDTH, math.ceil(LINE_HEIGHT * line.width / line.height)))
        pixels = np.asarray(line.resize((width, LINE_HEIGHT), Image.Resampling.BILINEAR), dtype=np.float32)
        # Grey beyond the end of the line; few different widths, so that the network's buffers are used again.
        padded = max(_SHORTEST_WIDTH, -(-width // _WIDTH_STEP) * _WIDTH_STEP)
        batch = np.zeros((1, 3, LINE_HEIGHT, padded), dtype=np.float32)
        batch[0, :, :, :width] = (pixels[:, :, ::-1] / 127.5 - 1).transpose(2, 0, 1)
        return decode(self._network(batch)[0], self._characters)


def decode(steps: Floats, characters: Sequence[str]) -> Reading:
    """Makes text of a CTC network's answer, by the likeliest character of each step.

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


def cut_out(image: Image.Image, rectangle: Rectangle) -> Image.Image:
    """Cuts a rectangle out of an image and turns it upright, no larger than reading it needs.

    Args:
        image: In mode RGB.
        rectangle: In pixels of the image; what of it is outside the image is cut off.
    """
    corners = rectangle.corners()
    left, top = np.maximum(np.floor(corners.min(axis=0)), 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)), image.size)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    box = (left, top, right, bottom)
    if abs(rectangle.angle) < _STRAIGHT_RADIANS:
        return image.crop(tuple(int(side) for side in box))
    # Reduced first: the turn itself takes single pixels and would skip the rest.
    scale = min(1.0, 2 * LINE_HEIGHT / max(1.0, rectangle.height))
    size = tuple(max(1, round(side * scale)) for side in (right - left, bottom - top))
    around = image.resize(size, Image.Resampling.BILINEAR, box=box)
    quad = (corners - (left, top)) * (size[0] / (right - left), size[1] / (bottom - top))
    top_left, top_right, bottom_right, bottom_left = (tuple(corner) for corner in quad)
    size = (max(1, round(rectangle.width * scale)), max(1, round(rectangle.height * scale)))
    return around.transform(
        size,
        Image.Transform.QUAD,
        (*top_left, *bottom_left, *bottom_right, *top_right),
        Image.Resampling.BICUBIC,
    )
