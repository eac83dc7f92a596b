"""The requests and responses of the vision services."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.models import Base64Data, Base64Png, RequestModel, ResponseModel

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

Image = Annotated[
    Base64Data,
    Field(
        description="A PNG, JPEG, WebP or GIF file of at most 25 million pixels. Of an animation the first frame is "
        "used. JPEG's EXIF orientation is applied."
    ),
]


class TextRequest(RequestModel):
    """An image to read."""

    image: Image


class BoundingBox(ResponseModel):
    """The smallest upright rectangle around something, in shares of the image's width and height."""

    left: Share = Field(description="From the left edge of the image to the left edge of the box.")
    top: Share = Field(description="From the top edge of the image to the top edge of the box.")
    width: Share
    height: Share


class Point(ResponseModel):
    """A point, in shares of the image's width and height from its top left corner."""

    x: Share
    y: Share


class TextLine(ResponseModel):
    """A line of text, or the part of one that stands by itself, as in the cell of a table."""

    text: str
    confidence: Share = Field(
        description="How sure the backend is of the text. The local backend gives the mean probability of the "
        "characters. Comparable within a backend only."
    )
    bounding_box: BoundingBox
    polygon: list[Point] = Field(
        description="The corners around the text, in the order: start at the top, end at the top, end at the bottom, "
        "start at the bottom; so they say how the text is turned."
    )


class TextResponse(ResponseModel):
    """The text of an image."""

    text: str = Field(
        description="All text in reading order: rows end with a newline, what stands apart in a row with a space, "
        "columns follow each other."
    )
    lines: list[TextLine] = Field(description="The lines, in reading order.")
    width: int = Field(description="The width of the upright image, in pixels.")
    height: int = Field(description="The height of the upright image, in pixels.")
    model: str = Field(description="What read the text.")
    complete: bool = Field(
        description="Whether all regions that look like text were read. The local backend reads for at most 10 seconds "
        "and at most 500 regions, from the start of the text on; Rekognition reads at most 100 words."
    )
    unread_regions: int | None = Field(
        description="The number of regions that look like text and were not read: send the rest of the image as an image "
        "of its own. Null where the backend does not say how many."
    )


class LabelsRequest(RequestModel):
    """An image to label."""

    image: Image
    max_labels: int = Field(default=10, ge=1, le=100, description="How many labels are returned at most.")
    min_confidence: Share = Field(default=0.2, description="Labels with less confidence are left out.")


class Label(ResponseModel):
    """Something that an image shows."""

    name: str
    confidence: Share = Field(
        description="How sure the backend is. The local backend gives the probability of the label. Comparable within "
        "a backend only."
    )
    parents: list[str] = Field(description="What it is a kind of; may be empty.")


class LabelsResponse(ResponseModel):
    """The labels of an image."""

    labels: list[Label] = Field(description="The surest first.")
    width: int = Field(description="The width of the upright image, in pixels.")
    height: int = Field(description="The height of the upright image, in pixels.")
    model: str = Field(description="What found the labels.")


class PreviewRequest(RequestModel):
    """An image to scale down."""

    image: Image
    max_side: int = Field(
        default=512, ge=16, le=768, description="The longer side of the preview, in pixels."
    )


class PreviewResponse(ResponseModel):
    """A small copy of an image."""

    preview: Base64Png = Field(description="PNG, upright; never larger than the image.")
    width: int = Field(description="The width of the upright image, in pixels.")
    height: int = Field(description="The height of the upright image, in pixels.")
