"""Photos as they are kept: turned upright, stripped, of a sane size, watermarked, encoded anew.

What a camera sends is never stored as it came: decoding and encoding it again leaves nothing of
EXIF (place, device), of hidden thumbnails, or of bytes behind the picture. A file that claims more
pixels than any camera has is refused by its head, before memory is taken for it.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import lru_cache
from pathlib import Path

import pylopdf_fonts_zh_cn
from django.utils.translation import gettext as _
from PIL import Image, ImageDraw, ImageFont, ImageOps

from kaitong.documents.errors import AttachmentRefused

LARGEST_FILE = 20 * 1024 * 1024
MOST_PIXELS = 64_000_000  # phones' cameras have up to 50 million
LONGEST_EDGE = 2000  # a card's smallest print stays legible
SMALLEST_EDGE = 48
QUALITY = 82
# The boxes that begin a HEIF file, which iPhones write unless a page asks for JPEG.
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")
_BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, OverflowError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip


def prepare(data: bytes, lines: list[str]) -> bytes:
    """The picture as it is stored: a JPEG with `lines` written over it.

    Raises AttachmentRefused, in words for who holds the camera.
    """
    _look(data)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as source:
            _measure(source)
            source.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))  # a JPEG is decoded smaller at once
            source.load()
            upright = ImageOps.exif_transpose(source)
            picture = _flat(upright)
    except AttachmentRefused:
        raise
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except _BROKEN:
        raise AttachmentRefused(
            _("照片文件损坏，打不开。"), _("请重新拍照。"), field="data"
        ) from None
    picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    marked = _watermark(picture, [line for line in lines if line])
    out = io.BytesIO()
    marked.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return out.getvalue()


def tiny(seed: int = 0) -> bytes:
    """A small real photograph-like PNG, for examples: never twice the same for two seeds."""
    picture = Image.new("RGB", (160, 120), (214, 220, 228))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((12, 16, 148, 104), fill=(250, 250, 248), outline=(90, 100, 110), width=2)
    for row in range(4):
        shade = 60 + (seed >> (row * 5)) % 32 * 4
        draw.rectangle(
            (24, 28 + row * 18, 48 + (seed >> row * 3) % 80, 38 + row * 18), (shade,) * 3
        )
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


# ---- inside --------------------------------------------------------------------------------------


def _look(data: bytes) -> None:
    """Refuse by size and first bytes, each with its own sentence."""
    again = _("请重新拍照或另选图片。")
    if not data:
        raise AttachmentRefused(_("照片是空的。"), again, field="data")
    if len(data) > LARGEST_FILE:
        raise AttachmentRefused(_("照片超过 20 MB。"), _("请降低相机分辨率再拍。"), field="data")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF:
        raise AttachmentRefused(
            _("这是 HEIC 格式的照片，不能收。"),
            _("请在手机相机设置里改为“兼容性最佳”（JPEG）再拍。"),
            field="data",
        )
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise AttachmentRefused(_("只收 JPEG 和 PNG 照片。"), again, field="data")


def _measure(source: Image.Image) -> None:
    width, height = source.size
    if width * height > MOST_PIXELS:
        raise _too_many_pixels()
    if min(width, height) < SMALLEST_EDGE:
        raise AttachmentRefused(_("照片太小，看不清。"), _("请走近重新拍照。"), field="data")


def _too_many_pixels() -> AttachmentRefused:
    return AttachmentRefused(_("照片的像素太多。"), _("请降低相机分辨率再拍。"), field="data")


def _flat(picture: Image.Image) -> Image.Image:
    """Without transparency: a signature is dark ink on nothing, and paper is white."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, layer).convert("RGB")
    return picture.convert("RGB")


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    folder = Path(pylopdf_fonts_zh_cn.__file__).parent
    return ImageFont.truetype(str(folder / "NotoSansSC-Regular.otf"), size)


def _watermark(picture: Image.Image, lines: list[str]) -> Image.Image:
    """The words slanting over the whole picture, translucent, and once in full below.

    Light letters with a dark edge are read on any ground; the slanting ones go across what is
    shown, so that the picture cannot be used without them.
    """
    if not lines:
        return picture
    width, height = picture.size
    size = max(12, min(width, height) // 26)
    tile = _tile("\n".join(lines), size)
    room = Image.new("RGBA", (width + 2 * tile.width, height + 2 * tile.height), (0, 0, 0, 0))
    step_x, step_y = max(tile.width, 1), max(int(tile.height * 0.62), 1)
    for row, y in enumerate(range(0, room.height - tile.height, step_y)):
        for x in range((row % 2) * step_x // 2, room.width - tile.width, step_x):
            room.alpha_composite(tile, (x, y))
    left, top = tile.width // 2, tile.height // 2
    layer = room.crop((left, top, left + width, top + height))
    over = Image.alpha_composite(picture.convert("RGBA"), layer)
    return _caption(over, lines, size).convert("RGB")


def _tile(text: str, size: int) -> Image.Image:
    font = _font(size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("RGBA", (1, 1))).multiline_textbbox(
        (0, 0), text, font=font, stroke_width=1
    )
    pad = size
    tile = Image.new(
        "RGBA", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad), (0, 0, 0, 0)
    )
    ImageDraw.Draw(tile).multiline_text(
        (pad - left, pad - top), text, font=font, fill=(255, 255, 255, 112),
        stroke_width=1, stroke_fill=(20, 24, 30, 112),
    )  # fmt: skip
    return tile.rotate(22, expand=True, resample=Image.Resampling.BICUBIC)


def _caption(picture: Image.Image, lines: list[str], size: int) -> Image.Image:
    """A band along the lower edge; words too long for it are set smaller."""
    text = "\n".join(lines)
    draw = ImageDraw.Draw(picture)
    small = size
    while small > 8 and draw.multiline_textbbox((0, 0), text, font=_font(small))[2] > (
        picture.width - size
    ):
        small -= 1
    box = draw.multiline_textbbox((0, 0), text, font=_font(small))
    tall = int(box[3]) + size
    band = Image.new("RGBA", (picture.width, tall), (16, 20, 26, 168))
    ImageDraw.Draw(band).multiline_text(
        (size // 2, size // 2 - int(box[1]) // 2),
        text,
        font=_font(small),
        fill=(255, 255, 255, 255),
    )
    picture.alpha_composite(band, (0, max(picture.height - tall, 0)))
    return picture
