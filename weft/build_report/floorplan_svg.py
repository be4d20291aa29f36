"""The floorplan as SVG: a square for every tile of the device, filled as far as it is used, in the colours of the components."""

from __future__ import annotations

from collections import defaultdict

from boards.report.components import GROUPS
from boards.report.floorplan import Floorplan, Tile

#: Units of the drawing for a tile, and what of them is drawn, so that tiles stay apart.
_TILE, _DRAWN = 10, 9
_PIN = "pins"
_PIN_COLOR = "#444444"


def floorplan_svg(plan: Floorplan, title: str) -> str:
    """SVG text.  A path for each group of components, of class `group-N`, N its number in GROUPS."""
    paths: dict[str, list[str]] = defaultdict(list)
    outlines: list[str] = []
    fullest = plan.fullest
    for tile in plan.tiles:
        x, y = tile.x * _TILE, tile.y * _TILE
        if tile.block == "pin":
            paths[_PIN].append(_box(x + 2, y + 2, 5, 5))
        elif tile.block:
            paths[next(iter(tile.groups))].append(_box(x, y, _DRAWN, _DRAWN))
            outlines.append(_box(x, y, _DRAWN, _DRAWN) if tile.block == "multiplier" else f"M{x} {y}l{_DRAWN} {_DRAWN}")
        else:
            for group, top, height in _bands(tile, fullest):
                paths[group].append(_box(x, y + top, _DRAWN, height))
    width, height = plan.width * _TILE, plan.height * _TILE
    drawn = [
        f'<path class="group-{number}" fill="{color}" d="{"".join(paths[group])}"/>'
        for number, (group, color) in enumerate(GROUPS.items())
        if group in paths
    ]
    if _PIN in paths:
        drawn.append(f'<path fill="{_PIN_COLOR}" d="{"".join(paths[_PIN])}"/>')
    if outlines:
        drawn.append(f'<path class="blocks" fill="none" stroke="#ffffff" stroke-width="1.2" d="{"".join(outlines)}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-5 -5 {width + 10} {height + 10}" role="img" aria-label="{title}">'
        f'<rect x="-5" y="-5" width="{width + 10}" height="{height + 10}" fill="#f4f4f4" stroke="#999"/>{"".join(drawn)}</svg>'
    )


def _bands(tile: Tile, fullest: int) -> list[tuple[str, int, int]]:
    """(group, top, height) of the bands that fill a tile from below, the largest group lowest."""
    bands, bottom = [], _DRAWN
    total = sum(tile.groups.values())
    filled = max(1, round(_DRAWN * total / fullest))
    for group, count in sorted(tile.groups.items(), key=lambda item: -item[1]):
        height = min(max(1, round(filled * count / total)), bottom)
        if height:
            bands.append((group, bottom - height, height))
            bottom -= height
    return bands


def _box(x: int, y: int, width: int, height: int) -> str:
    return f"M{x} {y}h{width}v{height}h-{width}z"
