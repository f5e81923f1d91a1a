"""Rooms: calm, without text, soft in focus, with little going on in the middle."""

from __future__ import annotations

import numpy as np

from tools.backgrounds.brush import (
    HEIGHT,
    WIDTH,
    Image,
    Mask,
    Random,
    X,
    Y,
    below,
    blend,
    box,
    contour,
    defocus,
    ellipse,
    flat,
    glow,
    gradient,
    mix,
    noise,
    polygon,
    rgb,
    soften,
    to_code,
    to_light,
)


def studio(random: Random) -> Image:
    """Paint a canvas backdrop with a pool of light behind the sitter."""
    pool = glow(640, 300, 620, 430)
    cloth = noise(random, 260, 5) * 0.55 + noise(random, 30, 3) * 0.12
    tone = np.clip(pool + cloth * 0.045, 0, 1)
    return gradient((0, "#14191f"), (0.35, "#323d46"), (0.7, "#6b7a82"), (1, "#9aa7aa"), along=tone)


def wainscot(random: Random) -> Image:
    """Paint a sage green wall with moulded panels, lit from the left."""
    relief = np.zeros((HEIGHT, WIDTH), np.float32)
    for left in range(-170, WIDTH, 300):
        for top, bottom in ((-60, 430), (520, 800)):
            outer = box(left, top, left + 252, bottom)
            inner = box(left + 16, top + 16, left + 236, bottom - 16)
            relief += soften(outer - inner, 2.2) * 3
    relief += soften(box(-20, 462, WIDTH + 20, 486), 2.5) * 6
    slope_y, slope_x = np.gradient(soften(relief, 1.5))
    light = 0.5 + 0.34 * glow(180, 180, 950, 700) - 0.16 * (X / WIDTH) - 0.05 * (Y / HEIGHT)
    light += np.clip(slope_x * 0.16 + slope_y * 0.2, -0.12, 0.12) + noise(random, 90, 4) * 0.004
    wall = gradient((0, "#2f3a31"), (0.45, "#7d8f7c"), (0.75, "#aebba6"), (1, "#dbe0cf"), along=light)
    return soften(wall, 1.6)


def window(random: Random) -> Image:
    """Paint morning sun through a window and a plant on a plaster wall."""
    panes = np.zeros((HEIGHT, WIDTH), np.float32)
    for column in range(3):
        for row in range(3):
            left, top = 270 + column * 300, -150 + row * 300
            corners = [(left, top), (left + 272, top), (left + 272, top + 272), (left, top + 272)]
            panes += polygon(*((x - (y - 300) * 0.36, y + (x - 600) * 0.14) for x, y in corners))
    sun = soften(panes, 9) * (1 - 0.72 * soften(_fronds(random), 8))
    sun *= 0.55 + 0.45 * glow(600, 300, 800)
    plaster = noise(random, 160, 6) * 0.009 + noise(random, 9, 2) * 0.003
    shade = gradient((0, "#cfc4b8"), (1, "#aea398"), along=Y / HEIGHT * 0.7 + 0.3 * X / WIDTH)
    lit = gradient((0, "#fbead2"), (1, "#f6dcb8"))
    return blend(shade, 0.9 * sun, lit) + plaster[..., None]


def _fronds(random: Random) -> Mask:
    """Return the shadow of a potted plant that stands at the lower right."""
    leaves = np.zeros((HEIGHT, WIDTH), np.float32)
    for aim in np.linspace(-2.9, -1.1, 8):
        bend, length = (aim + 1.75) * 0.5, random.uniform(0.8, 1.15)
        x, y = 1080.0, 770.0
        for step in range(15):
            angle = aim + bend * (step / 14) ** 2
            x, y = x + np.cos(angle) * 40 * length, y + np.sin(angle) * 40 * length
            for side in (-0.85, 0.85):
                tilt, size = angle + side + random.uniform(-0.1, 0.1), 46 * (1.2 - step / 14) * length
                tip_x, tip_y = x + np.cos(tilt) * size, y + np.sin(tilt) * size
                leaves = np.maximum(leaves, ellipse(tip_x, tip_y, size, size * 0.24, np.degrees(tilt)))
    return leaves


def shelf(random: Random) -> Image:
    """Paint a wall of books far behind the focus."""
    image = flat("#3a2c22")
    tints = [
        "#7c4a3a",
        "#4e5d5e",
        "#8c7a5c",
        "#2f3e4a",
        "#a08b73",
        "#5f3b35",
        "#6c7358",
        "#c4b69c",
        "#39453d",
    ]
    for board in range(4):
        floor = 196 + board * 206
        for left in (-250, 130, 510, 890, 1270):
            x, end = left + 24.0, left + 356.0
            gap = random.choice([2, random.uniform(0.1, 0.75)])
            while x < end - 20:
                wide, tall = random.uniform(17, 40), random.uniform(112, 166)
                if (x - left) / 380 > gap and (x - left) / 380 < gap + 0.22:
                    x += 84
                    image = _vase(image, random, x - 44, floor)
                    continue
                lean = random.choice([0, 0, 0, 0, 9])
                spine = polygon(
                    (x + lean, floor - tall), (x + wide + lean, floor - tall), (x + wide, floor), (x, floor)
                )
                tone = rgb(tints[random.integers(len(tints))]) * random.uniform(0.62, 1.0)
                round_off = 0.82 + 0.24 * np.sin(np.clip((X - x) / wide, 0, 1) * np.pi)
                image = blend(image, spine, tone * round_off[..., None])
                x += wide + 1
        image = blend(image, box(-10, floor, WIDTH + 10, floor + 22), rgb("#6b4c34"))
        shadow = box(-10, floor + 22, WIDTH + 10, floor + 80) * np.exp(-np.clip(Y - floor - 22, 0, None) / 26)
        image = blend(image, shadow * 0.6, rgb("#1a120d"))
    for left in (-250, 130, 510, 890, 1270):
        image = blend(image, box(left - 11, -10, left + 11, HEIGHT + 10), rgb("#5f432e"))
    lamp = 0.58 + 0.8 * glow(280, 120, 620, 460) + 0.4 * glow(1180, 520, 420)
    return defocus(image * lamp[..., None] * rgb("#fff0dc"), 13)


def _vase(image: Image, random: Random, x: float, floor: float) -> Image:
    tone = rgb(["#c9bba4", "#8a9a90", "#b07f5f"][random.integers(3)])
    image = blend(image, ellipse(x, floor - 34, 25, 34), tone)
    return blend(image, box(x - 9, floor - 92, x + 9, floor - 50), tone * 0.92)


def loft(random: Random) -> Image:
    """Paint a room in the evening: lamp, sofa, plant and a window, all out of focus."""
    image = gradient((0, "#5d5048"), (0.75, "#7a675a"), (1, "#4a3b33"))
    image = _skyline(image, random)
    for top, left, right in ((190, 900, 1230), (300, 900, 1230)):
        x = left + 12.0
        while x < right - 30:
            wide, tall = random.uniform(14, 34), random.uniform(40, 82)
            tone = rgb(["#b9a58a", "#7f5b47", "#56645f", "#d3c6b0", "#8c8069"][random.integers(5)])
            image = blend(image, box(x, top - tall, x + wide, top), tone * random.uniform(0.7, 1))
            x += wide + (random.uniform(30, 70) if random.random() < 0.22 else 2)
        image = blend(image, box(left, top, right, top + 11), rgb("#3e2c20"))
    image = blend(image, box(-20, 624, WIDTH + 20, HEIGHT + 20), rgb("#6a5140"))
    image = _sofa(image)
    image = blend(image, box(1146, 430, 1152, 660), rgb("#2c221c"))
    image = blend(image, box(1112, 652, 1186, 662), rgb("#2c221c"))
    image = blend(image, polygon((1108, 360), (1190, 360), (1222, 446), (1076, 446)), rgb("#ffe9bd"))
    image = _monstera(image, random)
    light = to_light(defocus(image, 10)) * (0.62 + 0.75 * glow(1150, 420, 420))[..., None]
    for size, power, code in ((110, 0.6, "#ffcf8c"), (330, 0.5, "#e0a060"), (800, 0.3, "#c98a58")):
        light += to_light((power * glow(1149, 410, size))[..., None] * rgb(code))
    return to_code(light)


def _sofa(image: Image) -> Image:
    cloth = gradient((0.66, "#61757a"), (0.82, "#4c5f64"), (0.86, "#6a7f84"), (1, "#3c4b4f"))
    for left in (452, 738):
        back = np.maximum(box(left, 500, left + 278, 640), soften(box(left + 6, 484, left + 272, 620), 9))
        image = blend(image, back, cloth)
        image = blend(image, box(left, 596, left + 278, 604), rgb("#33413f"))
    for left in (396, 1006):
        image = blend(image, soften(box(left, 540, left + 66, 700), 7), cloth * 0.9)
    image = blend(image, box(450, 664, 1020, 696), rgb("#3c4b4f"))
    for left, code in ((480, "#c08a60"), (880, "#d6c6a8")):
        image = blend(image, soften(box(left, 512, left + 116, 602), 9), rgb(code))
    return image


def _skyline(image: Image, random: Random) -> Image:
    """Put a window on the left with the blue hour outside."""
    outside = gradient((0, "#3f5878"), (0.5, "#7d93ad"), (0.62, "#d9b79b"), (1, "#46546a"))
    towers = contour(random, 350, 60, 70, octaves=1)
    outside = blend(outside, below(np.repeat(towers[::40], 40)), rgb("#39475e"))
    for _ in range(60):
        spot = ellipse(random.uniform(60, 400), random.uniform(330, 500), 3, 4)
        outside = blend(outside, spot, rgb("#ffd9a0") * 1.1)
    for left in (70, 240):
        image = blend(image, box(left - 9, 51, left + 169, 529), rgb("#2a241f"))
        image = blend(image, box(left, 60, left + 160, 520), outside * 1.25)
        image = blend(image, box(left, 286, left + 160, 292), rgb("#2a241f"))
    return image


def _monstera(image: Image, random: Random) -> Image:
    image = blend(image, polygon((292, 588), (372, 588), (358, 684), (306, 684)), rgb("#b89a7c"))
    for _ in range(34):
        angle = random.uniform(-2.75, -0.4)
        reach = random.uniform(8, 200)
        x, y = 332 + np.cos(angle) * reach * 0.75, 572 + np.sin(angle) * reach
        tone = mix("#26402f", "#6b8c62", random.random())
        tilt = float(np.degrees(angle)) + random.uniform(-35, 35)
        image = blend(image, ellipse(x, y, 40, 15, tilt), tone)
    return image
