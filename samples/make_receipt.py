"""Draws `receipt.png`, the picture of text that the demo reads: `python samples/make_receipt.py`.

It uses the font that Pillow brings along, so it needs nothing else. Other versions of Pillow may draw other bytes.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN, ROW = 420, 32, 36
PAPER, INK = (250, 248, 242), (40, 38, 36)
ROWS = (
    ("CORNER COFFEE", ""),
    ("12 Station Road", ""),
    ("2026-03-14  09:41", "No. 1087"),
    ("", ""),
    ("Espresso", "2.80"),
    ("Cappuccino large", "3.60"),
    ("Blueberry muffin", "2.95"),
    ("", ""),
    ("TOTAL", "9.35"),
    ("Card **** 4242", "9.35"),
    ("", ""),
    ("Thank you, see you soon!", ""),
)


def receipt() -> Image.Image:
    """The receipt, a degree askew as scanned ones are."""
    page = Image.new("RGB", (WIDTH, 2 * MARGIN + ROW * len(ROWS)), PAPER)
    draw = ImageDraw.Draw(page)
    for number, (left, right) in enumerate(ROWS):
        font = ImageFont.load_default(size=28 if left in {"CORNER COFFEE", "TOTAL"} else 22)
        y = MARGIN + number * ROW
        draw.text((MARGIN, y), left, font=font, fill=INK)
        draw.text((WIDTH - MARGIN - font.getlength(right), y), right, font=font, fill=INK)
    return page.rotate(1, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)


if __name__ == "__main__":
    receipt().save(Path(__file__).with_name("receipt.png"), optimize=True)
