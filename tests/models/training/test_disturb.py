"""What a consistency term disturbs a picture with."""

import pytest

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

from torch import Tensor  # noqa: E402

from models.training.disturb import blurred, disturbed, through_codec  # noqa: E402


def pictures(count: int = 2, height: int = 36, width: int = 50) -> Tensor:
    made: Tensor = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))
    return made


def test_a_codec_of_fine_steps_changes_nothing_and_one_of_coarse_steps_does() -> None:
    picture = pictures()
    fine, coarse = (through_codec(picture, torch.full((2, 1, 1, 1), step)) for step in (1e-5, 0.1))
    assert torch.allclose(fine, picture, atol=1e-4)
    assert coarse.shape == picture.shape
    assert (coarse - picture).abs().mean() > 0.02


def test_a_codec_loses_fine_detail_before_coarse() -> None:
    rows = torch.arange(16.0) / 16
    slope = (0.2 + 0.5 * rows).expand(1, 3, 16, 16)
    stripes = (0.5 + 0.02 * (-1) ** torch.arange(16)).expand(1, 3, 16, 16)
    step = torch.full((1, 1, 1, 1), 0.1)
    kept = [float(through_codec(p, step).std() / p.std()) for p in (slope, stripes)]
    assert kept[0] > 0.9 > kept[1]


def test_a_blur_keeps_plain_areas_and_smooths_the_rest() -> None:
    plain = torch.full((1, 3, 8, 8), 0.3)
    assert torch.allclose(blurred(plain), plain)
    assert blurred(pictures()).std() < pictures().std() / 2


def test_what_is_disturbed_stays_a_picture_in_its_layout() -> None:
    torch.manual_seed(0)
    picture = pictures(6, 32, 32).contiguous(memory_format=torch.channels_last)
    out = disturbed(picture)
    assert out.shape == picture.shape
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert all((a - b).abs().mean() > 0.005 for a, b in zip(out, picture, strict=True))
