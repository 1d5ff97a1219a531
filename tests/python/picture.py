"""Writes tests/fixtures/picture/: pictures, and the pixels and numbers that transformers makes of them.

    pip install transformers==4.57.6 pillow==12.3.0 numpy
    python tests/python/picture.py

Pixels are those before rescaling and normalising: as PNG files where they are few, and otherwise as the SHA-256 of the bytes
[height, width, channel]. `decoded` has small files of each format and their pixels, turned as their EXIF data say.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from transformers import (
    BitImageProcessor,
    CLIPImageProcessor,
    DeiTImageProcessor,
    SiglipImageProcessor,
    ViTImageProcessor,
)

CLASSES = {
    "ViTImageProcessor": ViTImageProcessor,
    "DeiTImageProcessor": DeiTImageProcessor,
    "BitImageProcessor": BitImageProcessor,
    "CLIPImageProcessor": CLIPImageProcessor,
    "SiglipImageProcessor": SiglipImageProcessor,
}
FOLDER = Path(__file__).parent.parent / "fixtures" / "picture"
SIZES = [(37, 53), (64, 48), (200, 120)]
random = np.random.default_rng(18)


def source(width, height):
    """A gradient with hard edges, and noise in one part."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 3 % 256], axis=2)
    pixels[(x // 7 + y // 5) % 4 == 0] = [250, 3, 120]
    pixels[: height // 3, : width // 3] = random.integers(0, 256, (height // 3, width // 3, 3))
    pixels[-height // 4 :, -width // 4 :] = random.choice([0, 255])
    return Image.fromarray(pixels.astype(np.uint8))


def save(name, image):
    image.save(FOLDER / name, optimize=True)
    return name


def case(name, file, config, side=None, small=True, **as_side):
    """`as_side` has the sizes that `side` should lead to."""
    image = Image.open(FOLDER / file)
    fields = {key: value for key, value in config.items() if key != "image_processor_type"}
    processor = CLASSES[config["image_processor_type"]](**{**fields, **as_side})
    # otherwise a picture of 1 or 3 rows is taken for one whose channels come first
    layout = {"input_data_format": "channels_last"}
    pixels = processor(image, do_rescale=False, do_normalize=False, **layout)["pixel_values"][0]
    numbers = processor(image, **layout)["pixel_values"][0]
    assert pixels.dtype == np.uint8
    pixels = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    places = [[int(random.integers(size)) for size in numbers.shape] for _ in range(12)]
    golden = {
        "name": name,
        "source": file,
        "config": config,
        "size": list(pixels.shape[:2]),
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
        # channel, y, x and the number
        "numbers": [[*place, float(numbers[tuple(place)])] for place in places],
    }
    if side is not None:
        golden["side"] = side
    if small:
        golden["pixels"] = save(f"case-{len(cases):02}.png", Image.fromarray(pixels))
    cases.append(golden)


FOLDER.mkdir(exist_ok=True)
for old in FOLDER.iterdir():
    old.unlink()
cases = []
files = [save(f"{width}x{height}.png", source(width, height)) for width, height in SIZES]
one = save("1x1.png", Image.new("RGB", (1, 1), (9, 200, 77)))
thin = save("3x150.png", source(3, 150))

for name in CLASSES:
    for file in [*files, one, thin]:
        case(f"{name} as it is", file, {"image_processor_type": name}, small=False)
names = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
for resample, name in enumerate(names):
    for file, (height, width) in zip(files, [(11, 29), (70, 20), (24, 31)]):
        config = {"image_processor_type": "ViTImageProcessor", "resample": resample, "size": {"height": height, "width": width}}
        case(name, file, config, small=file == files[0])
    config = {"image_processor_type": "CLIPImageProcessor", "resample": resample, "size": 21, "crop_size": 17}
    case(f"{name}, cropped", files[2], config)
for file in files:
    config = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 20}, "crop_size": {"height": 31, "width": 18}}
    case("a crop that is higher than the picture", file, config)
case("no resizing", files[1], {"image_processor_type": "DeiTImageProcessor", "do_resize": False, "crop_size": 27})
case("padded on all sides", files[0], {"image_processor_type": "CLIPImageProcessor", "do_resize": False, "crop_size": 60})
case("no crop", files[0], {"image_processor_type": "CLIPImageProcessor", "do_center_crop": False, "size": 25})
case("both sides given", files[1], {"image_processor_type": "BitImageProcessor", "size": {"height": 40, "width": 26}, "crop_size": 24})
case("DeiT at 28", files[2], {"image_processor_type": "DeiTImageProcessor"}, side=28, size=32, crop_size=28)
case("DINOv2 at 28", files[0], {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}, side=28, size=32, crop_size=28)
for settings in [{"do_rescale": False}, {"do_normalize": False}, {"rescale_factor": 0.00784313725490196, "image_mean": 1.0, "image_std": 1.0}]:
    case(f"numbers with {settings}", files[0], {"image_processor_type": "SiglipImageProcessor", "size": 8, **settings} | {"size": {"height": 8, "width": 8}}, small=False)

# Files of each format.
small = source(13, 9)
decoded = []


def decode(name, image, most=0, **options):
    image.save(FOLDER / name, **options)
    pixels = ImageOps.exif_transpose(Image.open(FOLDER / name)).convert("RGB")
    # `most`: how much a byte may differ
    decoded.append({"file": name, "most": most, "size": [pixels.height, pixels.width], "bytes": pixels.tobytes().hex()})


alpha = small.copy()
alpha.putalpha(Image.fromarray(random.integers(0, 256, (9, 13)).astype(np.uint8)))
smooth = small.resize((16, 16), Image.Resampling.BOX).resize((13, 9))
exif = Image.Exif()
exif[0x0112] = 6
decode("rgb.bmp", small)
decode("grey.png", small.convert("L"))
decode("palette.png", small.quantize(16))
decode("alpha.png", alpha)
decode("palette.gif", small.quantize(16))
decode("lossless.webp", small, lossless=True)
decode("turned.jpg", smooth, most=3, quality=95, subsampling=0, exif=exif)
decode("grey.jpg", smooth.convert("L"), most=3, quality=95)
decode("cmyk.jpg", smooth.convert("CMYK"), most=6, quality=95)
decode("progressive.jpg", smooth, most=3, quality=95, subsampling=0, progressive=True)

text = ",\n".join(json.dumps(golden) for golden in cases)
other = ",\n".join(json.dumps(golden) for golden in decoded)
(FOLDER / "cases.json").write_text(f'{{"cases": [\n{text}\n], "decoded": [\n{other}\n]}}\n')
