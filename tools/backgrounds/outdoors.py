"""Landscapes and lights: calm, soft in focus, with little going on in the middle."""

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


def dusk(random: Random) -> Image:
    """Paint mountain ranges after sunset, paler the farther they are."""
    image = gradient((0, "#2c3f63"), (0.3, "#6d7ba0"), (0.5, "#c79c9a"), (0.62, "#f0bf94"), (1, "#f4cf9f"))
    image += (0.16 * glow(860, 400, 420, 170))[..., None] * rgb("#ffc48a")
    cloud = np.clip(noise(random, 130, 5, stretch=7) - 0.5, 0, 2) * np.exp(-(((Y - 190) / 130) ** 2))
    image = blend(image, cloud * 0.13, rgb("#f7c7ae"))
    count = 6
    for layer in range(count):
        share = layer / (count - 1)
        swing = 46 + 34 * share
        line = contour(random, 372 + 300 * share**1.25, swing, 330 - 60 * share, rough=0.47)
        near = mix("#b98f95", "#141d30", share**0.7)
        mist = np.clip((Y - line) / (150 + 60 * share), 0, 1) * (1 - share) * 0.75
        slope = blend(flat("#000000") + near, mist, mix("#eebd9c", "#3d4a6b", share))
        image = blend(image, below(line, 1.5 + share), slope)
    return soften(image, 1.1)


def fjord(random: Random) -> Image:
    """Paint steep shores, still water, a little fog."""
    shore = 430
    image = gradient((0, "#7f9fb8"), (0.35, "#b9ccd6"), (0.6, "#ece4d8"), (1, "#ece4d8"))
    cloud = np.clip(noise(random, 150, 6, stretch=3) - 0.2, 0, 2)
    image = blend(image, np.clip(cloud * 0.25, 0, 0.6) * np.clip(1 - Y / 380, 0, 1), rgb("#f4f4f2"))
    image += (0.12 * glow(640, 400, 300, 130))[..., None] * rgb("#fff0d6")
    for layer in range(5):
        share = layer / 4
        rough = contour(random, 0, 30 + 18 * share, 260, rough=0.52)
        left = 700 - (640 - X[0] - 40 + 200 * share) * (0.62 + 0.2 * share)
        right = 700 - (X[0] - 640 - 40 + 170 * share) * (0.66 + 0.16 * share)
        open_water = 250 - 330 * (1 - share) + 90
        line = np.minimum(left, right) + rough - 330 + open_water * 1.25
        rock = mix("#a9bcc8", "#22343c", share**0.8) + noise(random, 60, 5)[..., None] * 0.012 * share
        fog = np.exp(-np.clip(shore - Y, 0, None) / 60) * (0.55 - 0.4 * share)
        rock = blend(np.broadcast_to(rock, image.shape), fog, rgb("#dfe2de"))
        image = blend(image, below(line, 1.5), rock)
    return soften(_mirror(image, shore, random), 1.0)


def _mirror(image: Image, shore: int, random: Random) -> Image:
    """Turn what is below the shore line into a reflection, rougher towards the viewer."""
    depth = np.clip((Y - shore) / (HEIGHT - shore), 0, 1)
    ripple = noise(random, 14, 3, stretch=9) * (1 + 11 * depth)
    rows = np.clip(2 * shore - Y + ripple - 14 * depth, 0, shore - 1)
    soft = soften(image, 3.5)
    reflected = soft[rows.astype(np.int32), np.clip(X + ripple * 0.4, 0, WIDTH - 1).astype(np.int32)]
    water = reflected * (0.9 - 0.22 * depth[..., None]) + depth[..., None] * rgb("#16303b") * 0.3
    glint = np.clip(noise(random, 7, 2, stretch=14) - 1.4, 0, 1) * depth * (1 - depth)
    water = water + (glint * 0.16)[..., None]
    return blend(image, below(np.full(WIDTH, shore)), water)


def forest(random: Random) -> Image:
    """Paint firs on the sides of a valley, fading into the mist."""
    image = gradient((0, "#bfcccd"), (0.4, "#dde2dc"), (1, "#d3dad4"))
    image += (0.07 * glow(560, 200, 420, 240))[..., None] * rgb("#fff1d8")
    for layer in range(5):
        share = layer / 4
        valley = np.abs(X[0] - 640 + 150 * (-1) ** layer) / 640
        ground = 330 + 400 * share - (150 + 60 * share) * valley**1.6 + contour(random, 0, 16, 300, octaves=3)
        height = 70 + 175 * share
        trees = below(ground)
        for x in np.arange(-40, WIDTH + 40, 15 + 34 * share):
            at = float(np.clip(x + random.uniform(-14, 14) * (1 + share), 0, WIDTH - 1))
            tall = height * random.uniform(0.5, 1.1)
            trees = np.maximum(trees, _fir(random, at, ground[int(at)] + 12, tall))
        tone = mix("#bccac6", "#2d4640", share**0.9)
        fog = np.clip((Y - ground + 0.55 * height) / (height * 1.2), 0, 1) * (0.95 - 0.35 * share)
        drift = np.clip(fog + noise(random, 240, 4, stretch=3) * 0.05, 0, 1)
        veiled = blend(np.broadcast_to(tone, image.shape), drift, mix("#dfe4de", "#a9b8b2", share))
        image = blend(image, soften(trees, 1.2 + 0.9 * share), veiled)
    return soften(image, 1.6)


def _fir(random: Random, x: float, foot: float, height: float) -> Mask:
    """Return a conifer: boughs that droop and widen towards the ground."""
    left, right = [], []
    steps = max(int(height / 9), 5)
    for step in range(steps):
        share = (step + 1) / steps
        y = foot - height * (1 - share)
        reach = height * 0.19 * share**0.9 * random.uniform(0.75, 1.2)
        left += [(x - reach * 0.35, y - height / steps * 0.5), (x - reach, y + height * 0.02)]
        reach = height * 0.19 * share**0.9 * random.uniform(0.75, 1.2)
        right += [(x + reach * 0.35, y - height / steps * 0.5), (x + reach, y + height * 0.02)]
    return polygon((x, foot - height), *right, *reversed(left))


def dunes(random: Random) -> Image:
    """Paint sand dunes in low sun: bright windward slopes, shade behind the crests."""
    image = gradient((0, "#9dbbd0"), (0.28, "#d9dcd6"), (0.44, "#f4dfc6"), (1, "#f4dfc6"))
    image += (0.1 * glow(260, 280, 460, 200))[..., None] * rgb("#ffe2b8")
    peaks = ((820, 300, 60), (330, 350, 70), (1080, 420, 110), (470, 520, 90), (1010, 640, 120))
    for layer, (peak, base, height) in enumerate(peaks):
        share = layer / (len(peaks) - 1)
        away = X[0] - peak
        line = base + 20 - height / (1 + (away / np.where(away < 0, 420, 300)) ** 2) + 0.03 * away
        line = soften((line + contour(random, 0, 7, 400, octaves=2))[None].astype(np.float32), 14)[0]
        depth = np.clip(Y - line, 0, None)
        beyond = away[None] - 0.9 * depth - 46 * np.sin(depth / 75) * (0.4 + share)
        shade = np.clip(beyond / (3 + 0.1 * depth) + 0.5, 0, 1) * np.exp(
            -np.clip(beyond, 0, None) / (330 + 150 * share)
        )
        shade *= np.exp(-depth / (240 + 160 * share))
        lit, dark = mix("#f3dcbf", "#dfae7c", share), mix("#d3b9a8", "#9a6b50", share)
        wind = np.sin(depth / (3 + depth / 40) + noise(random, 200, 3, stretch=2) * 2) * 0.008 * share
        grain = noise(random, 260, 4, stretch=2) * 0.008 + wind
        sand = blend(np.broadcast_to(lit, image.shape), shade, dark) + grain[..., None]
        sand = sand * (1 - 0.1 * np.clip(depth / 300, 0, 1)[..., None])
        image = blend(
            image, below(line, 1.5), blend(sand, np.full_like(depth, 0.34 * (1 - share)), rgb("#f0dec8"))
        )
    return soften(image, 1.4)


def bokeh(random: Random) -> Image:
    """Paint warm lamps far out of focus."""
    light = to_light(gradient((0, "#1c120d"), (0.5, "#3a2416"), (1, "#1a100b")))
    light += to_light((0.5 * glow(330, 260, 420, 300))[..., None] * rgb("#8a4f22"))
    light += to_light((0.4 * glow(1050, 420, 360, 260))[..., None] * rgb("#7a3f1c"))
    warm = ["#ffb35c", "#ff9a3d", "#ffd08a", "#ffe3b5", "#f07f2f"]
    for size, count, power in ((84, 18, 0.06), (52, 34, 0.1), (30, 46, 0.13)):
        for _ in range(count):
            x, y = random.uniform(-40, WIDTH + 40), random.normal(330, 170)
            calm = 0.3 + 0.7 * min(abs(x - 640) / 460, 1)
            disc = _disc(x, y, size * random.uniform(0.75, 1.2))
            lamp = to_light(rgb(warm[random.integers(len(warm))])[None, None])
            light += disc[..., None] * lamp * power * calm * random.uniform(0.35, 1.3)
    return to_code(light)


def _disc(x: float, y: float, radius: float) -> Mask:
    """Return a point of light as a lens out of focus shows it: a disc with a slightly brighter rim."""
    distance = np.hypot(X - x, Y - y) / np.float32(radius)
    inside = np.clip((1 - distance) * radius / 6 + 0.5, 0, 1)
    return np.asarray(inside * (0.8 + 0.25 * np.clip(distance, 0, 1) ** 4), np.float32)


def city(random: Random) -> Image:
    """Paint office towers at night, behind glass and out of focus."""
    light = to_light(gradient((0, "#0b1426"), (0.45, "#1b2b4a"), (0.7, "#3a3f5c"), (1, "#141a2a")))
    light += to_light((0.45 * glow(640, 500, 900, 130))[..., None] * rgb("#8a6a58"))
    for layer, (grey, dim) in enumerate((("#26324d", 0.35), ("#151d30", 0.8))):
        x = -60.0
        while x < WIDTH:
            wide, tall = random.uniform(90, 190), random.uniform(140, 470) * (0.7 + 0.5 * abs(x - 600) / 640)
            top = 610 - tall + 50 * layer
            tower = soften(box(x, top, x + wide, HEIGHT), 9)
            light = blend(light, tower * 0.92, to_light(rgb(grey)[None, None]))
            light += _windows(random, x, top, wide) * dim
            x += wide * random.uniform(0.9, 1.5 + layer)
    for _ in range(46):
        x, y = random.uniform(0, WIDTH), random.normal(622, 26)
        lamp = to_light(rgb(["#ff8a3c", "#ffd6a0", "#ff4b3a", "#fff1dc"][random.integers(4)])[None, None])
        light += _disc(x, y, random.uniform(13, 26))[..., None] * lamp * random.uniform(0.08, 0.34)
    return to_code(np.asarray(light, np.float32))


def _windows(random: Random, left: float, top: float, wide: float) -> Image:
    """Return the lit windows of one tower in linear light."""
    lights = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    tints = [to_light(rgb(code)[None, None]) for code in ("#ffd59a", "#ffe9c8", "#cfe2ff")]
    for x in np.arange(left + 18, left + wide - 10, 27):
        for y in np.arange(top + 22, 600, 31):
            if random.random() < 0.38:
                disc = _disc(x + random.normal(0, 1.5), y, random.uniform(10, 13))
                lights += disc[..., None] * tints[random.integers(3)] * random.uniform(0.05, 0.32)
    return lights


def paper(random: Random) -> Image:
    """Paint sheets of paper cut in waves, each with its shadow on the next."""
    image = gradient((0, "#e4edf0"), (1, "#cfdfe6"))
    count = 8
    for layer in range(count):
        share = layer / (count - 1)
        phase, length = random.uniform(0, 6.28), random.uniform(700, 1100)
        base = 150 + share * 520
        line = base + 46 * np.sin(X[0] / length * 6.28 + phase) + 22 * np.sin(X[0] / length * 11 + phase * 2)
        line += (X[0] - 640) * 0.05 * (-1) ** layer
        edge = below(line)
        shadow = soften(np.roll(edge, -8, axis=0), 16) * (1 - edge)
        image = image * (1 - 0.34 * shadow[..., None])
        depth = np.clip((Y - line) / 260, 0, 1)
        top, bottom = mix("#c3d8e0", "#2c5468", share), mix("#b2cbd6", "#234659", share)
        sheet = top * (1 - depth[..., None]) + bottom * depth[..., None]
        rim = np.exp(-np.clip(Y - line, 0, None) / 2.5) * 0.05
        image = blend(image, edge, sheet + rim[..., None])
    fibre = noise(random, 5, 2) * 0.004
    return image + fibre[..., None]
