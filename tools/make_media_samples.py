#!/usr/bin/env python3
"""Makes src/media/tests/samples/*: one small photograph in every format that is decoded, by other people's encoders.

Run by hand, never by the tests: `apt-get install libjxl-tools libheif-examples libavif-bin libjpeg-turbo-progs` and
`pip install pillow imagecodecs`, then `tools/make_media_samples.py`. The tests compare each file with source.png, so
qualities are high and the picture is smooth. README.md beside the files lists what made which.
"""

import struct
import subprocess
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "src" / "media" / "tests" / "samples"
SIZE = (48, 32)

# An EXIF block: camera, time, orientation 6 (the stored picture is to be turned by 90 degrees).
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:subject><rdf:Bag><rdf:li>coffee</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


def exif(orientation):
    block = Image.Exif()
    block[0x010F], block[0x0110], block[0x0112] = "Maker", "Model 1", orientation
    details = block.get_ifd(0x8769)
    details[0x9003], details[0x9011] = "2024:05:01 12:34:56", "+02:00"
    return block


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def jpegs(source, turned, grey):
    for name, subsampling in [("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0")]:
        source.save(SAMPLES / f"{name}.jpg", quality=95, subsampling=subsampling)
    source.save(SAMPLES / "restart.jpg", quality=95, subsampling="4:2:0", restart_marker_blocks=2)
    source.save(SAMPLES / "progressive-420.jpg", quality=95, subsampling="4:2:0", progressive=True)
    source.save(SAMPLES / "adobe-rgb.jpg", quality=95, keep_rgb=True)
    grey.save(SAMPLES / "grey.jpg", quality=95)
    grey.save(SAMPLES / "grey-progressive.jpg", quality=95, progressive=True)
    turned.save(SAMPLES / "exif-xmp.jpg", quality=95, subsampling="4:4:4", exif=exif(6), xmp=XMP)
    turned.save(SAMPLES / "turned.jpg", quality=95, subsampling="4:2:0")
    turned.save(SAMPLES / "turned-exif.jpg", quality=95, subsampling="4:2:0", exif=exif(6))
    deep = np.asarray(source).astype(np.uint16) * 16
    (SAMPLES / "twelve-bits.jpg").write_bytes(imagecodecs.jpeg_encode(deep, level=90, bitspersample=12))
    with tempfile.NamedTemporaryFile(suffix=".ppm") as file:
        source.save(file.name)
        for name, options in [("440", ["-sample", "1x2"]), ("411", ["-sample", "4x1"]), ("arithmetic", ["-arithmetic"])]:
            run("cjpeg", "-quality", "95", *options, "-outfile", SAMPLES / f"{name}.jpg", file.name)


def ink_profile():
    """An ICC profile (version 2) of inks in the unusual order black, yellow, magenta, cyan, so that only who follows it sees
    the photograph: a table of Lab colours at 7 levels of each ink, mixed in sRGB as if they were perfect."""
    levels = np.linspace(0, 1, 7)
    k, y, m, c = np.meshgrid(levels, levels, levels, levels, indexing="ij")
    encoded = np.stack([(1 - ink) * (1 - k) for ink in (c, m, y)], -1).reshape(-1, 3)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    # From sRGB to XYZ under D50, as ICC has it.
    to_xyz = np.array([[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]])
    ratio = linear @ to_xyz.T / [0.9642, 1.0, 0.8249]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)
    table = np.clip(np.round(lab * [2.55, 1, 1] + [0, 128, 128]), 0, 255).astype(np.uint8)
    identity = [65536 if at % 4 == 0 else 0 for at in range(9)]
    curve = bytes(range(256))
    lut = b"mft1" + struct.pack(">4x4B9i", 4, 3, 7, 0, *identity) + curve * 4 + table.tobytes() + curve * 3
    name = b"Inks in another order\0"
    tags = {
        b"desc": b"desc" + struct.pack(">4xI", len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"CC0\0",
        b"wtpt": b"XYZ " + struct.pack(">4x3i", 63190, 65536, 54061),
        b"A2B0": lut,
    }
    directory, content = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        directory += tag + struct.pack(">2I", 128 + 4 + 12 * len(tags) + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(">8xI4s4s4s12s4s28x3i48x", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp", 63190, 65536, 54061)
    profile = bytes(4) + head[4:] + directory + content
    return struct.pack(">I", len(profile)) + profile[4:]


def inks(source):
    profile = ink_profile()
    cyan, magenta, yellow = (255 - np.asarray(source).astype(np.uint8)).transpose(2, 0, 1)
    planes = np.stack([np.zeros_like(cyan), yellow, magenta, cyan], -1)
    image = Image.fromarray(planes, "CMYK")
    image.save(SAMPLES / "inks.jpg", quality=95, subsampling="4:4:4", icc_profile=profile)
    image.save(SAMPLES / "inks.tif", compression="tiff_adobe_deflate", icc_profile=profile)
    coded = imagecodecs.jpeg8_encode(255 - planes, level=95, colorspace="CMYK", outcolorspace="YCCK", subsampling="444")
    segment = b"\xff\xe2" + struct.pack(">H", len(profile) + 16) + b"ICC_PROFILE\0\x01\x01" + profile
    (SAMPLES / "inks-ycck.jpg").write_bytes(coded[:2] + segment + coded[2:])


def by_pillow(source, turned, grey):
    other = Image.eval(source, lambda level: 255 - level)
    source.save(SAMPLES / "animated.png", save_all=True, append_images=[other], duration=100)
    source.quantize(64).save(SAMPLES / "palette.png")
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    turned.save(SAMPLES / "exif-xmp.png", exif=exif(6), pnginfo=text)
    source.save(SAMPLES / "animated.webp", save_all=True, append_images=[other], duration=100, lossless=True)
    turned.save(SAMPLES / "exif-xmp.webp", lossless=True, exif=exif(6), xmp=XMP)
    source.save(SAMPLES / "lzw.tif", compression="tiff_lzw")
    source.save(SAMPLES / "pages.tif", save_all=True, append_images=[other], compression="tiff_adobe_deflate")
    source.quantize(64).save(SAMPLES / "palette.tif", compression="packbits")
    source.save(SAMPLES / "jpeg.tif", compression="jpeg", quality=95)
    source.convert("CMYK").save(SAMPLES / "cmyk.tif", compression="tiff_lzw")
    turned.save(SAMPLES / "turned.tif", exif=exif(6))
    grey16 = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    grey16.save(SAMPLES / "grey16.tif")
    grey16.save(SAMPLES / "grey16.png")
    source.save(SAMPLES / "raw.tga", compression=None)
    source.save(SAMPLES / "rle.tga", compression="tga_rle")
    grey.save(SAMPLES / "grey.tga", compression=None)
    source.convert("RGBA").save(SAMPLES / "picture.ico", sizes=[(16, 11), SIZE])
    source.convert("RGBA").save(SAMPLES / "bitmap.ico", sizes=[SIZE], bitmap_format="bmp")
    source.save(SAMPLES / "reversible.jp2", irreversible=False)
    source.save(SAMPLES / "lossy.j2k", quality_mode="dB", quality_layers=[45], irreversible=True)
    grey.save(SAMPLES / "grey.jp2")


def by_commands(source, turned):
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source.save(work / "source.png")
        turned.save(work / "turned.png", exif=exif(6))
        for format_name, options in [("lossless.jxl", ["-d", "0"]), ("lossy.jxl", ["-d", "0.3"])]:
            run("cjxl", work / "source.png", SAMPLES / format_name, *options)
        run("cjxl", work / "turned.png", SAMPLES / "turned.jxl", "-d", "0.3", "--container=1")
        run("cjxl", SAMPLES / "420.jpg", SAMPLES / "from-jpeg.jxl")
        run("cjxl", SAMPLES / "exif-xmp.jpg", SAMPLES / "exif-xmp.jxl")
        run("heif-enc", "-q", "95", "-p", "chroma=444", work / "source.png", "-o", SAMPLES / "444.heic")
        source.save(work / "upright.jpg", quality=100, subsampling="4:4:4", exif=exif(1), xmp=XMP)
        run("heif-enc", "-q", "95", work / "upright.jpg", "-o", SAMPLES / "exif-xmp.heic")
        run("avifenc", "--min", "0", "--max", "10", "-y", "444", work / "source.png", SAMPLES / "444.avif")
        run("avifenc", "--min", "0", "--max", "10", "-y", "420", "-d", "10", work / "source.png", SAMPLES / "ten-bits.avif")
        run("avifenc", "--min", "0", "--max", "10", "-y", "444", "--irot", "3", work / "turned.png", SAMPLES / "turned.avif")
        # Tiles of a grid have at least 64 pixels a side.
        large = source.resize((SIZE[0] * 4, SIZE[1] * 4), Image.BICUBIC)
        tiles = []
        for y in (0, 64):
            for x in (0, 64, 128):
                tiles.append(work / f"tile-{y}-{x}.png")
                large.crop((x, y, x + 64, y + 64)).save(tiles[-1])
        run("avifenc", "--min", "0", "--max", "10", "-y", "444", "--grid", "3x2", *tiles, SAMPLES / "grid.avif")


def main():
    SAMPLES.mkdir(exist_ok=True)
    photo = Image.open(ROOT / "samples" / "coffee-cup.jpg").convert("RGB")
    side = min(photo.width / SIZE[0], photo.height / SIZE[1])
    photo = photo.crop((0, 0, int(side * SIZE[0]), int(side * SIZE[1])))
    source = photo.resize(SIZE, Image.BICUBIC)
    source.save(SAMPLES / "source.png")
    # What a camera stores that was turned by 90 degrees.
    turned = source.transpose(Image.Transpose.ROTATE_90)
    grey = source.convert("L")
    jpegs(source, turned, grey)
    by_pillow(source, turned, grey)
    inks(source)
    by_commands(source, turned)
    for path in sorted(SAMPLES.iterdir()):
        print(f"{path.stat().st_size:6} {path.name}")


if __name__ == "__main__":
    main()
