"""Which networks can be trained, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from models.training.architectures.bgmv2 import BackgroundMattingV2
from models.training.architectures.bisenet import BiSeNet, BiSeNetV2
from models.training.architectures.dfanet import DFANet
from models.training.architectures.matting import BSHM, MODNet
from models.training.architectures.mobilenetv2 import mobilenetv2_unet
from models.training.architectures.portraitnet import BSN, PortraitNet
from models.training.architectures.selfie import Selfie
from models.training.architectures.sfnet import SFNet
from models.training.architectures.sinet import SINet
from models.training.architectures.swiftnet import SwiftNet
from models.training.architectures.unet import mobile_unet
from models.training.checkpoint import fill, load_checkpoint
from models.training.settings import Run, SettingsError

SELFIE = "selfie"
MOBILENETV2_UNET = "mobilenetv2_unet"
"""These two have one width, and start from what another trainer made."""

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
    "unet": mobile_unet,
}
"""Each takes its width, as a share of the article's channels."""


def build(run: Run) -> nn.Module:
    """Return the network of a run; raises SettingsError where its name isn't known, CheckpointError."""
    if run.architecture == SELFIE:
        return Selfie(Path(run.init))
    if run.architecture == MOBILENETV2_UNET:
        return mobilenetv2_unet(run.init)
    if run.architecture not in ARCHITECTURES:
        names = ", ".join([SELFIE, MOBILENETV2_UNET, *ARCHITECTURES])
        raise SettingsError(f"{run.architecture} is no architecture; {names} are")
    network = ARCHITECTURES[run.architecture](run.width)
    if run.init:
        fill(network, load_checkpoint(Path(run.init)), "average", Path(run.init))
    return network
