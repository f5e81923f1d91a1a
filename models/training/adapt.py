"""A network that adapts itself to one camera by its frames alone: its answers about one picture have to agree.

This is SOC, the self-supervision of MODNet (Ke et al., AAAI 2022): see `losses.agreement`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import numpy as np
import torch
from torch import nn

from models.training.data.pictures import Picture, resized
from models.training.data.samples import lightened, shapes
from models.training.losses import Prediction, agreement
from models.training.settings import Adaptation

BETAS = (0.9, 0.99)
"""Adam's, as in MODNet."""


def looks_of(film: Path, pixels: int, without: int) -> Iterator[Picture]:
    """Yield a film's frames as a network that looks at `pixels` sees them, all but every `without`th."""
    height, width = shapes(pixels)[0]
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % without:
                yield lightened(resized(cast(Picture, frame.to_ndarray(format="rgb24")), (width, height)))


def adapted(network: nn.Module, looks: list[Picture], settings: Adaptation, seed: int) -> nn.Module:
    """Return a copy of a trained network, ready to be asked, that has adapted itself to looks of one camera.

    The means and variances of its normalisation stay as they were trained, as in MODNet.
    """
    mine, before = copy.deepcopy(network).eval(), network.eval()
    optimizer = torch.optim.Adam(mine.parameters(), settings.rate, BETAS)
    rng = np.random.default_rng(seed)
    pictures = torch.from_numpy(np.stack(looks)).permute(0, 3, 1, 2).float() / 255
    for _ in range(settings.epochs):
        order = torch.from_numpy(rng.permutation(len(looks)))
        for first in range(0, len(looks), settings.batch):
            picture = pictures[order[first : first + settings.batch]]
            with torch.no_grad():
                fixed = Prediction(before(picture))
            mirrored = Prediction(mine(picture.flip(3)).flip(3))
            loss = agreement(Prediction(mine(picture)), mirrored, fixed)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
    return mine
