"""A small network learns made people from scratch in seconds; a run stops and goes on; what it gives is exported."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.training import NEEDS_TORCH

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

import onnx  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from filters.matting.segmenter import Segmenter, load_card  # noqa: E402
from models.training import train as training  # noqa: E402
from models.training.__main__ import app  # noqa: E402
from models.training.data.manifest import ManifestError, load_manifest  # noqa: E402
from models.training.data.people import KeyPoint, Store  # noqa: E402
from models.training.data.pictures import Floats, Picture  # noqa: E402
from models.training.data.ring import CHANNELS, TEACHER, Bytes, Make, Ring  # noqa: E402
from models.training.data.samples import ARRIVALS  # noqa: E402
from models.training.export import trained  # noqa: E402
from models.training.mix import MixError, mixed  # noqa: E402
from models.training.settings import DataSettings, LossWeights, Optimizer, Run, SettingsError, load_run  # noqa: E402
from models.training.teacher import VOTES, Teacher  # noqa: E402
from models.training.train import CHECKPOINT, LOG, Trainer, draw_of, maker_of  # noqa: E402

MODELS = Path(__file__).resolve().parents[3] / "models"
SHIPPED = MODELS / "selfie_general.onnx"

SMALL = Run(
    architecture="unet",
    width=0.25,
    images=400,
    batch=4,
    pixels=6_144,
    threads=1,
    optimizer=Optimizer(rate=1e-2, warm_up=5, clip=5.0, average=0.9),
    losses=LossWeights(distillation=0.0),
    data=DataSettings(ring=24, first=8, uses=2),
)


@pytest.fixture(autouse=True)
def _many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 10)


def trainer_of(run: Run, folder: Path, prepared: Path) -> Trainer:
    return Trainer(run, folder, maker_of(run, draw_of(run, prepared, load_manifest())))


def losses_of(folder: Path) -> list[float]:
    lines = (folder / LOG).read_text().splitlines()
    return [json.loads(line)["absolute"] for line in lines]


def test_a_small_network_learns_from_scratch_and_exports_what_it_learned(
    prepared: Path, tmp_path: Path
) -> None:
    folder, told = tmp_path / "run", list[tuple[int, int, str]]()
    trainer_of(SMALL, folder, prepared).train(lambda *line: told.append(line))
    values = losses_of(folder)
    assert np.mean(values[-2:]) < 0.8 * np.mean(values[:2])
    assert told[-1][:2] == (400, 400)
    (tmp_path / "run.toml").write_text('architecture = "unet"\nwidth = 0.25\npixels = 6_144\n')
    arguments = ["export", str(tmp_path / "run.toml"), str(folder), str(tmp_path / "made.onnx")]
    result = CliRunner().invoke(app, [*arguments, "--description", "a test"])
    assert result.exit_code == 0, result.output
    card = load_card("made", tmp_path)
    assert card.description == "a test"
    assert card.multiple == 32
    assert card.pixels == 6_144
    Segmenter(card)  # runs it on two shapes


def test_the_teacher_may_look_once_instead_of_voting(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[float]()

    def look(_: Teacher, picture: Picture, scale: float = 1.0) -> Floats:
        looks.append(scale)
        return np.full(picture.shape[:2], 0.2, np.float32)

    monkeypatch.setattr(Teacher, "look", look)
    for vote, count in ((True, len(VOTES)), (False, 1)):
        run = replace(SMALL, teacher=str(SHIPPED), vote=vote)
        sample = maker_of(run, draw_of(run, prepared, load_manifest()))(0, (96, 160))
        assert len(looks) == count
        assert np.all(sample[TEACHER] == 51)
        looks.clear()


def test_close_looks_at_who_comes_in_are_drawn_where_they_are_wanted(prepared: Path, tmp_path: Path) -> None:
    shown = list[tuple[int, int]]()

    def make(_: int, shape: tuple[int, int]) -> Bytes:
        shown.append(shape)
        return np.zeros((*shape, CHANNELS), np.uint8)

    for share in (0.0, 1.0):
        shown.clear()
        run = replace(SMALL, images=8, data=replace(SMALL.data, arrivals=share, uses=1, first=1))
        Trainer(run, tmp_path / str(share), make).train(lambda *_: None)
        assert any(shape in ARRIVALS for shape in shown) == bool(share)
        assert not share or shown[-1] in ARRIVALS


def test_a_run_goes_on_where_it_stopped(prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = trainer_of(replace(SMALL, images=80), folder, prepared)
    assert not first.resume()
    first.train(lambda *_: None)
    second = trainer_of(SMALL, folder, prepared)
    assert second.resume()
    assert second.step == 20
    for name, value in second.network.state_dict().items():
        assert torch.equal(value, first.network.state_dict()[name])
    second.train(lambda *_: None)
    assert second.step == 100


def test_an_interrupted_run_keeps_what_it_has_learned(prepared: Path, tmp_path: Path) -> None:
    def interrupt(images: int, _total: int, _text: str) -> None:
        if images:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer_of(SMALL, tmp_path, prepared).train(interrupt)
    again = trainer_of(SMALL, tmp_path, prepared)
    assert again.resume()
    assert again.step == training.LOG_EVERY


def test_the_same_seed_trains_the_same_network(prepared: Path, tmp_path: Path) -> None:
    run = replace(SMALL, images=40)
    made = []
    for name in ("one", "two"):
        trainer = trainer_of(run, tmp_path / name, prepared)
        trainer.train(lambda *_: None)
        made.append(trained(run, tmp_path / name / CHECKPOINT).state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_pose_is_learned_by_a_second_head_that_the_network_does_without(
    prepared: Path, tmp_path: Path
) -> None:
    store = Store(prepared)
    heads = {p.name: [KeyPoint(1, store.cutout(p).alpha.shape[1] / 2, 20.0)] for p in store.load()}
    store.save_keypoints(heads)
    run = replace(SMALL, images=80, losses=replace(SMALL.losses, pose=1.0, prior=2.0))
    first = trainer_of(run, tmp_path / "run", prepared)
    first.train(lambda *_: None)
    lines = [json.loads(line)["pose"] for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert lines[-1] < lines[0]
    plain = trainer_of(SMALL, tmp_path / "plain", prepared)
    assert set(first.average) == set(plain.average)
    second = trainer_of(run, tmp_path / "run", prepared)
    assert second.resume()


def test_a_network_without_a_second_head_learns_no_pose(prepared: Path, tmp_path: Path) -> None:
    run = replace(SMALL, architecture="bisenet", losses=replace(SMALL.losses, pose=1.0))
    with pytest.raises(SettingsError, match="bisenet"):
        trainer_of(run, tmp_path / "run", prepared)


def test_a_prior_comes_from_all_samples_of_a_shape_and_their_mirror_images() -> None:
    def make(number: int, shape: tuple[int, int]) -> Bytes:
        sample = np.zeros((*shape, CHANNELS), np.uint8)
        sample[:, number, 3] = 255
        return sample

    ring = Ring((2, 4), 1, make)
    ring.add(0, 2)  # the second takes the first one's place, and both count
    assert ring.mean_alpha().tolist() == [[0.25] * 4] * 2


def test_a_run_starts_from_the_averaged_weights_of_another(prepared: Path, tmp_path: Path) -> None:
    first = trainer_of(replace(SMALL, images=16), tmp_path / "first", prepared)
    first.train(lambda *_: None)
    second = trainer_of(
        replace(SMALL, init=str(tmp_path / "first" / CHECKPOINT)), tmp_path / "second", prepared
    )
    assert second.step == 0
    for name, value in first.average.items():
        assert torch.equal(second.network.state_dict()[name], value)


def test_runs_that_draw_alike_share_their_samples(prepared: Path, tmp_path: Path) -> None:
    def maker(run: Run) -> Make:
        return maker_of(run, draw_of(run, prepared, load_manifest()), tmp_path / "samples")

    first = maker(SMALL)(3, (64, 112))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "samples").rglob("*.npy")}
    again = maker(replace(SMALL, architecture="bisenet", images=40))(3, (64, 112))
    assert np.array_equal(first, again)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "samples").rglob("*.npy")} == kept
    other = maker(replace(SMALL, shares=replace(SMALL.shares, empty=1.0)))(3, (64, 112))
    assert not np.array_equal(first, other)


def test_the_student_starts_as_the_shipped_network_and_is_taught_by_it(
    prepared: Path, tmp_path: Path
) -> None:
    run = replace(
        SMALL,
        architecture="selfie",
        init=str(SHIPPED),
        teacher=str(SHIPPED),
        images=16,
        losses=LossWeights(forgotten=1.0, consistency=0.5),
        optimizer=Optimizer(rate=1e-4),
    )
    trainer = trainer_of(run, tmp_path / "run", prepared)
    before = {name: value.clone() for name, value in trainer.average.items()}
    trainer.train(lambda *_: None)
    moved = [float((trainer.average[name] - value).abs().max()) for name, value in before.items()]
    assert 0 < max(moved) < 0.01


def test_sources_that_may_not_be_trained_on_are_refused(prepared: Path, tmp_path: Path) -> None:
    for source in ("clips", "render", "attic"):
        run = replace(SMALL, data=replace(SMALL.data, sources=(source,)))
        with pytest.raises(ManifestError, match=source):
            trainer_of(run, tmp_path / "run", prepared)


def values(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}


def moved(path: Path) -> Path:
    """Write the shipped network with all weights one higher."""
    other = onnx.load(SHIPPED)
    for initializer in other.graph.initializer:
        value = onnx.numpy_helper.to_array(initializer) + 1
        initializer.CopyFrom(onnx.numpy_helper.from_array(value, initializer.name))
    onnx.save(other, path)
    return path


def test_a_mixture_of_some_layers_leaves_the_others(tmp_path: Path) -> None:
    model = mixed(SHIPPED, moved(tmp_path / "other.onnx"), 0.5, layers=(1, 3))
    before, after = values(onnx.load(SHIPPED)), values(model)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    changed = {name for name, value in before.items() if not np.array_equal(after[name], value)}
    assert changed == {name for node in convolutions[1:3] for name in node.input[1:]}
    for name in changed:
        assert np.allclose(after[name], before[name] + 0.5)
    with pytest.raises(MixError, match="55 layers"):
        mixed(SHIPPED, tmp_path / "other.onnx", 0.5, layers=(60, 70))


def test_a_mixture_lies_between_and_temperature_and_bias_change_the_logits(tmp_path: Path) -> None:
    first, second = SHIPPED, moved(tmp_path / "other.onnx")
    ours, theirs = values(onnx.load(first)), values(onnx.load(second))
    halfway, hot = values(mixed(first, second, 0.5)), values(mixed(first, second, 0.0, 2.0))
    less, without = values(mixed(first, second, 0.0, 1.0, -0.25)), values(mixed(first, second, -0.5))
    changed = set()
    for name, value in ours.items():
        if value.dtype != np.float32:
            continue
        assert np.allclose(halfway[name], (value + theirs[name]) / 2, atol=1e-6)
        assert np.allclose(without[name], value - (theirs[name] - value) / 2, atol=1e-6)
        if not np.array_equal(hot[name], value):
            assert np.allclose(hot[name], 2 * value)
            changed.add(name)
    assert len(changed) == 2  # weight and bias of the last layer
    biased = [name for name, value in ours.items() if not np.array_equal(less[name], value)]
    assert len(biased) == 1
    assert np.allclose(less[biased[0]], ours[biased[0]] - 0.25)


def test_networks_of_two_graphs_are_not_mixed(prepared: Path, tmp_path: Path) -> None:
    from models.training.architectures.unet import mobile_unet
    from models.training.export import to_onnx

    to_onnx(mobile_unet(0.25).eval(), tmp_path / "unet.onnx")
    with pytest.raises(MixError):
        mixed(SHIPPED, tmp_path / "unet.onnx", 0.5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('rate = "high"', "rate"),
        ("speed = 3", "speed"),
        ("batch = true", "batch"),
        ("[losses]\nabsolute = [1]", "absolute"),
        ("losses = 3", "losses"),
        ("[data]\nsources = [3]", "sources"),
        ("batch =", "run.toml"),
    ],
)
def test_settings_that_are_wrong_are_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(SettingsError, match=named):
        load_run(tmp_path / "run.toml")


def test_every_stored_run_can_be_read() -> None:
    runs = sorted((MODELS / "training" / "runs").glob("*.toml"))
    assert runs
    for path in runs:
        load_run(path)
