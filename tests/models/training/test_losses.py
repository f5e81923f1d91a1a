"""Every loss: nothing to gain where all is right, more where more is wrong, and what it is there for."""

import pytest

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

from torch import Tensor  # noqa: E402 - needs torch

from models.training import losses  # noqa: E402
from models.training.data.scene import JOINT_KINDS, UNKNOWN  # noqa: E402
from models.training.losses import Prediction, Targets, total  # noqa: E402
from models.training.settings import LossWeights  # noqa: E402

SHAPE = (2, 1, 32, 48)


def square() -> Tensor:
    alpha: Tensor = torch.zeros(SHAPE)
    alpha[..., 8:24, 12:36] = 1
    return alpha


def surely(alpha: Tensor) -> Prediction:
    return Prediction((alpha * 2 - 1) * 12)


def targets(alpha: Tensor, teacher: Tensor | None = None, known: Tensor | None = None) -> Targets:
    return Targets(
        alpha, torch.ones_like(alpha) if known is None else known, alpha if teacher is None else teacher
    )


TERMS = ("cross_entropy", "absolute", "distillation", "hardest", "boundary_class", "gradient")


def only(name: str, thick: int = 0, **pixels: float) -> LossWeights:
    others = dict.fromkeys((*TERMS, "forgotten", "consistency", "pose"), 0.0)
    return LossWeights(thick=thick, **{**others, name: 1.0, **pixels})


@pytest.mark.parametrize("name", TERMS)
def test_is_least_where_all_is_right_and_grows_with_what_is_wrong(name: str) -> None:
    alpha, goal = square(), targets(square())
    unsure = Prediction((alpha * 2 - 1) * 0.5)  # wrong about nothing, but never sure: all is boundary
    wrong = alpha.clone()
    wrong[..., 8:16, :] = 0
    others = [unsure] if name == "boundary_class" else [unsure, surely(wrong)]
    least = float(total(surely(alpha), goal, only(name))["total"])
    assert 0 <= least < 0.05
    for other in others:
        assert float(total(other, goal, only(name))["total"]) > least + 0.01


@pytest.mark.parametrize("name", [*TERMS, "forgotten"])
def test_what_is_not_known_is_not_learned_from_the_truth(name: str) -> None:
    alpha = square()
    known = torch.zeros(SHAPE)
    logits = torch.zeros(SHAPE, requires_grad=True)
    goal = targets(alpha, teacher=torch.full(SHAPE, 0.5), known=known)
    torch.autograd.backward(total(Prediction(logits), goal, only(name))["total"])
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-6


def test_a_pixel_of_the_person_that_is_lost_counts_more_than_one_of_the_room_that_leaks() -> None:
    half = torch.zeros(SHAPE)
    half[..., :24] = 1
    lost, leaked = half.clone(), half.clone()
    lost[..., :8, 12:24] = 0
    leaked[..., :8, 24:36] = 1
    for name in ("cross_entropy", "absolute"):
        even, uneven = (
            [float(total(surely(p), targets(half), only(name, lost=w))["total"]) for p in (lost, leaked)]
            for w in (1.0, 3.0)
        )
        assert even[0] == pytest.approx(even[1], rel=1e-3)
        assert uneven[0] == pytest.approx(3 * uneven[1], rel=1e-3)


def test_where_the_teacher_is_right_the_truth_may_count_less() -> None:
    alpha, teacher = square(), square()
    teacher[..., 8:16, 12:36] = 0  # wrong about half of the person
    goal = targets(alpha, teacher)
    logits = torch.zeros(SHAPE, requires_grad=True)
    torch.autograd.backward(total(Prediction(logits), goal, only("cross_entropy", right=0.0))["total"])
    assert logits.grad is not None
    assert float(logits.grad[..., 8:16, 12:36].abs().min()) > 0
    assert float(logits.grad[..., 16:, :].abs().max()) == 0


def test_thin_errors_may_be_left_to_the_teacher() -> None:
    alpha, teacher = square(), square()
    teacher[..., 8:10, 12:36] = 0  # a rim, where the truth may be rough
    teacher[..., 14:22, 12:36] = 0  # a part of somebody
    pulls = {}
    for name in ("cross_entropy", "distillation"):
        logits = torch.zeros(SHAPE, requires_grad=True)
        terms = total(Prediction(logits), targets(alpha, teacher), only(name, right=0.0, thick=5))
        torch.autograd.backward(terms["total"])
        assert logits.grad is not None
        pulls[name] = [float(logits.grad[..., row, 20].abs().min()) > 0 for row in (9, 18)]
    assert pulls == {"cross_entropy": [False, True], "distillation": [True, False]}


def test_who_is_as_sure_as_the_teacher_may_stay_so() -> None:
    goal, sure = targets(square()), surely(square())
    as_sure, less_so = (float(total(sure, goal, only("distillation", sure=s))["total"]) for s in (0.0, 0.01))
    assert as_sure < 1e-4
    assert less_so > 0.05


def test_the_edge_band_is_dilation_minus_erosion() -> None:
    band = losses.edge_band(square(), half=2)[0, 0]
    assert band[8, 20] == band[6, 20] == band[9, 20] == 1
    assert band[4, 20] == band[16, 24] == 0


def test_the_edge_weight_makes_errors_at_the_edge_count_more() -> None:
    alpha = square()
    near, far = alpha.clone(), alpha.clone()
    near[..., 8:10, 12:36] = 0
    far[..., 15:17, 12:36] = 0
    goal = targets(alpha)
    values = [float(total(surely(p), goal, only("absolute", edge=3.0))["total"]) for p in (near, far)]
    assert values[0] > 2 * values[1]


def test_the_teacher_is_believed_only_where_the_truth_does_not_contradict_it() -> None:
    alpha, teacher = square(), square()
    teacher[..., 8:16, 12:36] = 0  # wrong about half of the person
    logits = torch.zeros(SHAPE, requires_grad=True)
    goal = targets(alpha, teacher)
    torch.autograd.backward(total(Prediction(logits), goal, only("distillation"))["total"])
    assert logits.grad is not None
    assert float(logits.grad[..., 8:16, 12:36].abs().max()) == 0
    assert float(logits.grad[..., 17:24, 12:36].abs().min()) > 0


def test_what_the_teacher_knows_and_the_student_forgets_costs_and_the_rest_does_not() -> None:
    alpha, teacher = square(), square()
    teacher[..., 8:16, 12:36] = 0
    worse, as_bad = alpha.clone(), teacher.clone()
    worse[..., 16:24, 12:36] = 0
    weights = only("forgotten")
    assert float(total(surely(as_bad), targets(alpha, teacher), weights)["total"]) < 1e-4
    assert float(total(surely(worse), targets(alpha, teacher), weights)["total"]) > 0.05


def test_consistency_wants_the_matte_of_the_clean_picture() -> None:
    alpha, weights = square(), only("consistency")
    goal = targets(alpha)
    same = total(surely(alpha), goal, weights, surely(alpha))["total"]
    other = total(surely(alpha), goal, weights, Prediction(torch.zeros(SHAPE)))["total"]
    assert float(other) > float(same) + 0.5


def test_the_prior_is_highest_where_samples_disagree_and_makes_errors_there_count_more() -> None:
    # Never person at the left, always at the right.
    expected = torch.linspace(0, 1, SHAPE[3]).expand(1, 1, SHAPE[2], SHAPE[3])
    likely = losses.likely_boundary(expected)[0, 0, 0]
    assert float(likely[0]) == float(likely[-1]) == 0
    assert float(likely.amax()) == pytest.approx(float(likely[SHAPE[3] // 2])) == pytest.approx(1)
    alpha: Tensor = torch.zeros(SHAPE)
    middle, side = alpha.clone(), alpha.clone()
    middle[..., 22:26] = 1
    side[..., :4] = 1
    goal = Targets(alpha, torch.ones(SHAPE), alpha, expected=expected)
    values = [float(total(surely(p), goal, only("absolute", prior=3.0))["total"]) for p in (middle, side)]
    assert values[0] > 2 * values[1]
    even = [float(total(surely(p), goal, only("absolute"))["total"]) for p in (middle, side)]
    assert even[0] == pytest.approx(even[1])


def joints_of(targets: Tensor, surely: float) -> Tensor:
    """Logits at half the size that say what the plane says."""
    small = targets[..., ::2, ::2]
    kinds = [(small == kind).float() for kind in range(1, JOINT_KINDS + 1)]
    logits: Tensor = (torch.cat(kinds, dim=1) * 2 - 1) * surely
    return logits


def test_key_points_are_least_where_each_kind_is_found_and_small_ones_count_as_much_as_the_rest() -> None:
    alpha, plane = square(), torch.zeros(SHAPE)
    plane[..., 8:12, 20:24] = 1
    plane[..., 16:20, 12:16] = 2
    goal = Targets(alpha, torch.ones(SHAPE), alpha, joints=plane)
    right = float(losses.pose(Prediction(alpha, joints_of(plane, 12.0)), goal))
    swapped = torch.where(plane > 0, 3 - plane, plane)
    wrong = float(losses.pose(Prediction(alpha, joints_of(swapped, 12.0)), goal))
    none = float(losses.pose(Prediction(alpha, joints_of(plane * 0, 12.0)), goal))
    assert right < 0.001
    assert wrong > none > 1


def test_nothing_is_learned_of_key_points_that_nobody_knows_or_without_a_second_head() -> None:
    alpha, known, plane = square(), torch.ones(SHAPE), torch.zeros(SHAPE)
    plane[..., :16, :] = UNKNOWN
    known[..., 24:] = 0
    logits = torch.zeros(2, JOINT_KINDS, SHAPE[2] // 2, SHAPE[3] // 2, requires_grad=True)
    goal = Targets(alpha, known, alpha, joints=plane)
    torch.autograd.backward(total(Prediction(alpha, logits), goal, only("pose"))["total"])
    assert logits.grad is not None
    assert float(logits.grad[..., :8, :].abs().max()) == float(logits.grad[..., 12:].abs().max()) == 0
    assert float(logits.grad[..., 8:, :12].abs().min()) > 0
    assert float(total(Prediction(alpha), goal, only("pose"))["total"]) == 0


def test_agreement_asks_for_the_same_people_in_both_looks_and_for_the_outline_of_before() -> None:
    alpha = square()
    moved = torch.roll(alpha, 2, dims=3)
    least = float(losses.agreement(surely(alpha), surely(alpha), surely(alpha)))
    assert least < 0.05
    assert float(losses.agreement(surely(alpha), surely(alpha * 0), surely(alpha))) > least + 1
    assert float(losses.agreement(surely(alpha), surely(alpha), surely(moved))) > least + 0.1


def test_the_terms_add_up_and_one_of_weight_0_is_left_out() -> None:
    goal = targets(square())
    terms = total(Prediction(torch.zeros(SHAPE)), goal, LossWeights(hardest=0.5, gradient=0.2))
    assert "consistency" not in terms
    assert "boundary_class" not in terms
    parts = sum(float(value) for name, value in terms.items() if name != "total")
    assert float(terms["total"]) == pytest.approx(parts, rel=1e-5)
