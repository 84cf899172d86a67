#!/usr/bin/env python3
"""Draws the README's picture: what `clipdex search` finds for a few queries, as a contact sheet.

Usage: tools/search_picture.py CLIPDEX LIBRARY OUT.jpg QUERY…   (needs Pillow)
"""

import json
import subprocess
import sys

from PIL import Image, ImageDraw, ImageFont

THUMB, GAP, TEXT, HITS = 150, 12, 34, 4


def hits(program, library, query):
    command = [program, "--library", library, "search", query, "--json", "-k", str(HITS)]
    return json.loads(subprocess.check_output(command))["results"]


def main():
    program, library, out, *queries = sys.argv[1:]
    row = TEXT + THUMB + 20 + GAP
    sheet = Image.new("RGB", (GAP + HITS * (THUMB + GAP), GAP + len(queries) * row), "white")
    draw = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(18), ImageFont.load_default(13)
    for i, query in enumerate(queries):
        top = GAP + i * row
        draw.text((GAP, top), f"$ clipdex search '{query}'", fill="black", font=large)
        for j, hit in enumerate(hits(program, library, query)):
            photo = Image.open(hit["path"]).convert("RGB")
            side = min(photo.size)
            left, upper = (photo.width - side) // 2, (photo.height - side) // 2
            thumb = photo.crop((left, upper, left + side, upper + side)).resize((THUMB, THUMB))
            x, y = GAP + j * (THUMB + GAP), top + TEXT
            sheet.paste(thumb, (x, y))
            name = hit["path"].rsplit("/", 1)[-1]
            draw.text((x, y + THUMB + 2), f"{hit['score']:.3f}  {name}", fill="dimgray", font=small)
    sheet.save(out, quality=85, optimize=True)


if __name__ == "__main__":
    main()
