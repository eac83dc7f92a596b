"""Protocol of vision backends, and the response from their findings, the same for all backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from handlers.common.deadline import Deadline
from handlers.vision.images import Picture
from handlers.vision.models import BoundingBox, Label, LabelsResponse, Point, TextLine, TextResponse
from handlers.vision.reading_order import Corners, rows_in_reading_order, text_of_rows

_DIGITS = 4


class VisionBackend(Protocol):
    """Interface of a backend that reads and labels images."""

    def read_text(self, picture: Picture, *, deadline: Deadline) -> TextResponse:
        """Read the text of an image.

        Raises:
            ServiceError: It cannot be read, or not in time.
        """
        ...

    def find_labels(
        self, picture: Picture, *, max_labels: int, min_confidence: float, deadline: Deadline
    ) -> LabelsResponse:
        """Name the things that an image shows.

        Args:
            picture: The image.
            max_labels: How many labels are returned at most.
            min_confidence: The least confidence of a label, from 0 to 1.
            deadline: When the answer must be there.

        Raises:
            ServiceError: It cannot be labelled, or not in time.
        """
        ...


@dataclass(frozen=True, slots=True)
class FoundText:
    """A piece of text.

    Attributes:
        text: The text.
        confidence: How sure it is, from 0 to 1.
        corners: In pixels of the upright image, going round from where the text starts at the top.
    """

    text: str
    confidence: float
    corners: Corners


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """Something that an image shows.

    Attributes:
        name: Its name for people.
        confidence: How sure it is, from 0 to 1.
        parents: What it is a kind of.
    """

    name: str
    confidence: float
    parents: tuple[str, ...]


def text_response(
    found: Sequence[FoundText], *, picture: Picture, model: str, unread_regions: int | None = 0
) -> TextResponse:
    """Bring pieces of text into reading order and their places into shares of the image.

    Args:
        found: The pieces.
        picture: The image.
        model: What read them.
        unread_regions: The number of regions with text that were not read, None for an unknown number. Default: 0.
    """
    rows = rows_in_reading_order([piece.corners for piece in found])
    return TextResponse(
        text=text_of_rows(rows, [piece.text for piece in found]),
        lines=[_line(found[index], picture) for row in rows for index in row],
        width=picture.width,
        height=picture.height,
        model=model,
        complete=unread_regions == 0,
        unread_regions=unread_regions,
    )


def labels_response(
    found: Sequence[FoundLabel], *, picture: Picture, max_labels: int, min_confidence: float, model: str
) -> LabelsResponse:
    """Keep the surest labels; of equally sure ones the narrower comes first."""
    labels = [
        Label(name=label.name, confidence=_share(label.confidence), parents=list(label.parents))
        for label in found
        if label.confidence >= min_confidence
    ]
    labels.sort(key=lambda label: (-label.confidence, -len(label.parents), label.name))
    return LabelsResponse(labels=labels[:max_labels], width=picture.width, height=picture.height, model=model)


def _line(piece: FoundText, picture: Picture) -> TextLine:
    points = [Point(x=_share(x / picture.width), y=_share(y / picture.height)) for x, y in piece.corners]
    left, top = min(point.x for point in points), min(point.y for point in points)
    right, bottom = max(point.x for point in points), max(point.y for point in points)
    return TextLine(
        text=piece.text,
        confidence=_share(piece.confidence),
        bounding_box=BoundingBox(left=left, top=top, width=_share(right - left), height=_share(bottom - top)),
        polygon=points,
    )


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), _DIGITS)
