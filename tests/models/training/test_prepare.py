"""Labels are checked before they are believed, what fails is shown, and the colours hold beyond the outline."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training import prepare
from models.training.data.people import Store, spread_colours
from models.training.data.pictures import Floats, Plane
from models.training.teacher import Teacher, Vote
from tests.support.made_people import made_alpha, made_colours

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "selfie_general.onnx"
ALPHA = made_alpha(160, 120, bust=False)
PICTURE = made_colours(160, 120, (120, 100, 90))


def vote_of(alpha: Plane, agreement: float = 1.0) -> Vote:
    share: Floats = alpha.astype(np.float32) / 255
    return Vote(share, np.full(alpha.shape, agreement, np.float32))


def beside(alpha: Plane) -> Plane:
    """The matte with somebody else far to the left of the person."""
    other = alpha.copy()
    other[60:150, 2:16] = 255
    return other


def test_a_label_that_the_vote_contradicts_is_rejected() -> None:
    assert isinstance(prepare.person_of_mask(PICTURE, ALPHA, vote_of(ALPHA[:, ::-1] * 0)), str)
    assert isinstance(prepare.person_of_mask(PICTURE, ALPHA * 0, vote_of(ALPHA)), str)


def test_a_passer_by_whom_the_label_calls_room_is_not_learned_as_room() -> None:
    made = prepare.person_of_mask(PICTURE, ALPHA, vote_of(beside(ALPHA)))
    assert not isinstance(made, str)
    known = made[1].known
    assert not known[60:150, 2:10].any()
    assert known[100, 60] == known[5, 110] == 255
    edge = cv2.Canny(ALPHA, 50, 100) > 0
    assert not known[edge].any()


@pytest.mark.parametrize(
    "vote",
    [
        vote_of(ALPHA * 0),
        vote_of(np.full_like(ALPHA, 255)),
        vote_of(ALPHA, agreement=0.7),
        vote_of((ALPHA * 0.6).astype(np.uint8)),
    ],
)
def test_a_vote_about_nobody_or_everything_or_that_is_unsure_is_rejected(vote: Vote) -> None:
    assert isinstance(prepare.person_of_vote(PICTURE, vote), str)


def test_a_sure_vote_labels_the_largest_person_only() -> None:
    made = prepare.person_of_vote(PICTURE, vote_of(beside(ALPHA)))
    assert not isinstance(made, str)
    assert not made[0].alpha[60:150, 2:16].any()
    assert made[0].alpha[100, 60] == 255


def test_a_bust_loses_its_rounded_end_and_somebody_standing_keeps_the_feet() -> None:
    rows, columns = np.mgrid[:100, :100]
    bust = np.where(((columns - 50) / 40) ** 2 + ((rows - 40) / 45) ** 2 < 1, 255, 0).astype(np.uint8)
    bust[80:] = 0
    _, alpha = prepare.trimmed(made_colours(100, 100, (90, 90, 90)), bust)
    assert (alpha[-1] > 127).mean() > 0.5
    standing = made_alpha(200, 80, bust=False)
    _, alpha = prepare.trimmed(made_colours(200, 80, (90, 90, 90)), standing)
    top, bottom = np.flatnonzero((standing > 127).any(axis=1))[[0, -1]]
    assert alpha.shape[0] == bottom - top + 1


def test_the_old_room_does_not_shine_through_soft_edges() -> None:
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[:] = (0, 255, 0)
    picture[:, :30] = (200, 20, 20)
    alpha = np.zeros((60, 60), np.uint8)
    alpha[:, :30] = 255
    soft = cv2.GaussianBlur(alpha, (9, 9), 2).astype(np.uint8)
    colour = spread_colours(picture, soft)
    assert colour[30, 33, 0] > 150
    assert colour[30, 33, 1] < 60


def test_rejects_are_on_the_sheet_and_an_empty_sheet_can_be_written(tmp_path: Path) -> None:
    done = prepare.Prepared()
    blank = tmp_path / "nobody.png"
    cv2.imwrite(str(blank), np.zeros((40, 40, 4), np.uint8))
    prepare.add_cutouts(Store(tmp_path / "people"), "cutout", [blank], done, lambda _: None)
    assert not done.people
    assert [name for name, _, _ in done.rejects] == ["cutout nobody"]
    assert prepare.sheet(done.rejects).shape == (240, 1600, 3)
    assert prepare.sheet([]).shape == (240, 1600, 3)


def test_the_teacher_votes_at_the_size_of_the_picture_and_agrees_about_nothing_much() -> None:
    vote = Teacher(SHIPPED).vote(made_colours(100, 150, (60, 80, 160)))
    assert vote.alpha.shape == vote.agreement.shape == (100, 150)
    assert vote.agreement.min() >= 0.5
    assert float(vote.alpha.mean()) < 0.2
