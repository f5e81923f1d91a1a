"""Which networks can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from models.training.architectures.bgmv2 import BackgroundMattingV2
from models.training.architectures.bisenet import BiSeNet, BiSeNetV2
from models.training.architectures.dfanet import DFANet
from models.training.architectures.matting import BSHM, MODNet
from models.training.architectures.portraitnet import BSN, PortraitNet
from models.training.architectures.selfie import Selfie
from models.training.architectures.sfnet import SFNet
from models.training.architectures.sinet import SINet
from models.training.architectures.swiftnet import SwiftNet
from models.training.architectures.unet import UNet
from models.training.settings import Run

SELFIE = "selfie"

ARCHITECTURES: dict[str, Callable[[float], nn.Module]] = {
    "bgmv2": BackgroundMattingV2,
    "bisenet": BiSeNet,
    "bisenetv2": BiSeNetV2,
    "bshm": BSHM,
    "bsn": BSN,
    "dfanet": DFANet,
    "modnet": MODNet,
    "portraitnet": PortraitNet,
    "sfnet": SFNet,
    "sinet": SINet,
    "swiftnet": SwiftNet,
    "unet": UNet,
}
"""Each takes its width, as a share of the article's channels."""


def build(run: Run) -> nn.Module:
    """Return the network of a run; raises ValueError where its name isn't known."""
    if run.architecture == SELFIE:
        return Selfie(Path(run.init))
    if run.architecture not in ARCHITECTURES:
        names = ", ".join([SELFIE, *ARCHITECTURES])
        raise ValueError(f"{run.architecture} is no architecture; {names} are")
    return ARCHITECTURES[run.architecture](run.width)
