"""What all tests share: an isolated home, a small photo, the folder of real data."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import sys
import threading
import types
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image, ImageDraw, ImageFilter

import promptseg
from promptseg import registry
from promptseg.errors import WeightsError
from promptseg.weights import WeightFile

pytest_plugins = ["skips"]  # tests/plugins/skips.py

# The same examples at every run, so that a change that breaks nothing never fails; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def isolated_home(request, tmp_path_factory, monkeypatch):
    """Keeps tests away from the user's cache and settings; tests marked `weights` use the real home."""
    if request.node.get_closest_marker("weights"):
        return
    monkeypatch.setenv("PROMPTSEG_HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("PROMPTSEG_OFFLINE", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights beside the project; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared"
    if not folder.is_dir():
        pytest.skip("no folder `shared` beside the project: real images and weights are missing")
    return folder.resolve()


@pytest.fixture(scope="session")
def mini_sam():
    """The default model with its published weights, loaded once; for tests marked `weights`, which are skipped where they cannot be had."""
    try:
        return promptseg.load("mini-sam")
    except WeightsError as error:
        pytest.skip(f"the weights of mini-sam cannot be had here: {error}")


@pytest.fixture
def add_model(monkeypatch):
    """Puts a model into the catalogue for one test: ``add_model("name", "detector", factory, licence="MIT")``."""

    def add(name, kind, factory, licence="MIT"):
        module = types.ModuleType(f"backend_of_{name}")
        module.load = factory
        monkeypatch.setitem(sys.modules, module.__name__, module)
        backend = registry.BackendSpec(f"{name} backend", kind, f"{module.__name__}:load")
        monkeypatch.setitem(registry.backends(), backend.name, backend)
        engine = registry.Engine("fake", backend.name, "")
        monkeypatch.setitem(registry.models(), name, registry.ModelSpec(name, "For a test", licence, (engine,)))

    return add


@pytest.fixture(scope="session")
def photo():
    """Makes small synthetic photos: ``photo()`` or ``photo(height, width, seed)`` is an (H, W, 3) uint8 RGB array."""

    def make(height: int = 120, width: int = 160, seed: int = 0):
        random = np.random.default_rng(seed)
        ground = np.linspace(40, 150, width)[None, :, None] + np.linspace(0, 40, height)[:, None, None] + np.array([0, 20, 45])
        image = Image.fromarray(ground.astype(np.uint8))
        draw = ImageDraw.Draw(image)
        draw.ellipse([width * 0.1, height * 0.2, width * 0.45, height * 0.75], fill=(220, 60, 40))
        draw.rectangle([width * 0.55, height * 0.3, width * 0.9, height * 0.85], fill=(40, 180, 90))
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.int16)
        return np.clip(soft + random.integers(-6, 7, soft.shape), 0, 255).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def tiny_sam():
    """Makes small models of segment-anything's own code with random weights: ``tiny_sam(seed, depth, width, heads, frame, grid)``."""
    torch = pytest.importorskip("torch", reason="segment-anything's own code needs torch")
    modeling = pytest.importorskip("segment_anything.modeling", reason="segment-anything's own code is not installed")

    def make(seed: int = 0, depth: int = 2, width: int = 32, heads: int = 4, frame: int = 64, grid: int = 4):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = modeling.ImageEncoderViT(
                img_size=frame,
                patch_size=frame // grid,
                embed_dim=32,
                depth=2,
                num_heads=2,
                out_chans=width,
                use_rel_pos=True,
                window_size=3,
                global_attn_indexes=(1,),
            )
            prompts = modeling.PromptEncoder(width, (grid, grid), (frame, frame), mask_in_chans=16)
            transformer = modeling.TwoWayTransformer(depth, width, heads, mlp_dim=64)
            decoder = modeling.MaskDecoder(transformer_dim=width, transformer=transformer, iou_head_hidden_dim=32)
            sam = modeling.Sam(encoder, prompts, decoder).eval().requires_grad_(False)
            for parameter in sam.parameters():  # Biases, norms and position tables begin as zeros and ones, which hide mistakes.
                parameter += 0.1 * torch.randn_like(parameter)
        return sam

    return make


TINY_SAM2 = (
    "++model.image_size=128",
    "++model.image_encoder.trunk.embed_dim=16",
    "++model.image_encoder.trunk.stages=[1,1,2,1]",
    "++model.image_encoder.trunk.global_att_blocks=[3]",
    "++model.image_encoder.neck.backbone_channel_list=[128,64,32,16]",
)


@pytest.fixture(scope="session")
def tiny_sam2():
    """Makes models of sam2's own code with small encoders and random weights: ``tiny_sam2(seed, spread, generation, changes)``."""
    torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
    sam2 = pytest.importorskip("sam2.build_sam", reason="sam2's own code is not installed")
    import hydra

    def make(seed: int = 0, spread: float = 0.08, generation: str = "2.1", changes: tuple[str, ...] = TINY_SAM2):
        hydra.core.global_hydra.GlobalHydra.instance().clear()  # As whoever imported sam2 first may have left it.
        with hydra.initialize_config_module("sam2", version_base="1.2"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            name = f"configs/sam{generation}/sam{generation}_hiera_t.yaml"
            model = sam2.build_sam2(name, device="cpu", hydra_overrides_extra=list(changes)).requires_grad_(False)
            for parameter in model.parameters():  # As for `tiny_sam`; the wider they are spread, the more stable are the masks.
                parameter += spread * torch.randn_like(parameter)
        return model

    return make


@pytest.fixture(scope="session")
def tiny_sam2_video():
    """Makes sam2's own video predictors with small encoders and random weights: ``tiny_sam2_video(seed, spread, generation, changes)``."""
    torch = pytest.importorskip("torch", reason="sam2's own code needs torch")
    sam2 = pytest.importorskip("sam2.build_sam", reason="sam2's own code is not installed")
    import hydra

    def make(seed: int = 0, spread: float = 0.08, generation: str = "2.1", changes: tuple[str, ...] = TINY_SAM2):
        hydra.core.global_hydra.GlobalHydra.instance().clear()  # As whoever imported sam2 first may have left it.
        with hydra.initialize_config_module("sam2", version_base="1.2"), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            name = f"configs/sam{generation}/sam{generation}_hiera_t.yaml"
            model = sam2.build_sam2_video_predictor(name, device="cpu", hydra_overrides_extra=list(changes)).requires_grad_(False)
            for parameter in model.parameters():
                parameter += spread * torch.randn_like(parameter)
            model.fill_hole_area = 0  # Filling is by a CUDA extension, without which it is left out with a warning.
        return model

    return make


@pytest.fixture
def tiny_torch_model(tiny_sam, monkeypatch, tmp_path):
    """A model ``"tiny"`` of the catalogue that can be exported: whatever its checkpoint holds, it is a tiny SAM.

    The checkpoint is ``tiny.pt`` in the current folder, a temporary one. `requests` are those for the torch module so far.
    """
    from promptseg.export import pair

    module = types.ModuleType("tiny_backend")
    module.requests = []
    module.torch_module = lambda request: module.requests.append(request) or tiny_sam()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(pair.LAYOUTS, "tiny backend", ("tiny_backend:torch_module", "promptseg.export.sam:SamLayout"))
    monkeypatch.setitem(registry.backends(), "tiny backend", registry.BackendSpec("tiny backend", "segmenter", "tiny_backend:load"))
    engine = registry.Engine("torch", "tiny backend", "t", (WeightFile("tiny.pt", "0" * 64, ()),))
    monkeypatch.setitem(registry.models(), "tiny", registry.ModelSpec("tiny", "For a test", "MIT", (engine,)))
    (tmp_path / "tiny.pt").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    return module


@pytest.fixture(scope="session")
def sam_pair(tiny_sam, tmp_path_factory):
    """A folder with a tiny SAM of random weights as segment-anything's exporter writes it: ``encoder.onnx`` and ``decoder.onnx``."""
    torch = pytest.importorskip("torch", reason="the exporter needs torch")
    from segment_anything.utils.onnx import SamOnnxModel

    sam = tiny_sam(width=64, heads=8, frame=128, grid=8)
    sam.mask_decoder.iou_prediction_head.layers[-1].bias += 1  # Predicted IoUs are positive; those of random weights lie around 0.
    folder = tmp_path_factory.mktemp("sam_pair")
    export_onnx(sam.image_encoder, {"x": torch.zeros(1, 3, 128, 128)}, ["image_embeddings"], folder / "encoder.onnx", {"x": {0: "batch"}})
    inputs = {
        "image_embeddings": torch.zeros(1, 64, 8, 8),
        "point_coords": torch.zeros(1, 5, 2),
        "point_labels": torch.ones(1, 5),
        "mask_input": torch.zeros(1, 1, 32, 32),
        "has_mask_input": torch.ones(1),
        "orig_im_size": torch.tensor([90.0, 120.0]),
    }
    outputs = ["masks", "iou_predictions", "low_res_masks"]
    free = {"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}}
    export_onnx(SamOnnxModel(sam, return_single_mask=True), inputs, outputs, folder / "decoder.onnx", free)
    return folder


@pytest.fixture(scope="session")
def tiny_sam2_pairs(tiny_sam2):
    """Writes a tiny SAM 2.1 of random weights as osam's files are or as samexporter writes it: ``tiny_sam2_pairs(folder, samexporter)``."""
    torch = pytest.importorskip("torch", reason="the exporter needs torch")
    sam = tiny_sam2(spread=0.1)

    class Encoder(torch.nn.Module):
        def forward(self, image):
            high1, high2, embedding = sam.forward_image(image)["backbone_fpn"]
            return embedding + sam.no_mem_embed.reshape(1, -1, 1, 1), high1, high2

    class Decoder(torch.nn.Module):
        def forward(self, embedding, high1, high2, points, labels, mask, has_mask, size=None):
            prompts = sam.sam_prompt_encoder
            sparse = prompts._embed_points(points, labels, pad=True)
            dense = has_mask * prompts.mask_downscaling(mask) + (1 - has_mask) * prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
            logits, scores, *_ = sam.sam_mask_decoder.predict_masks(
                embedding, prompts.get_dense_pe(), sparse, dense, repeat_image=False, high_res_features=[high1, high2]
            )
            if size is None:
                return logits[:, 1:].clamp(-32, 32), scores[:, 1:]
            masks = torch.nn.functional.interpolate(logits, (size[0], size[1]), mode="bilinear", align_corners=False)
            return masks, scores, logits.clamp(-32, 32)

    def write(folder, samexporter):
        names = ["image_embed", "high_res_feats_0", "high_res_feats_1"]
        masks = ["masks", "iou_predictions"]
        if not samexporter:
            names, masks = ["image_embeddings", "high_res_features1", "high_res_features2"], [*masks, "low_res_masks"]
        image = torch.zeros(1, 3, 128, 128)
        inputs = {
            **dict(zip(names, Encoder()(image), strict=True)),
            "point_coords": torch.zeros(1, 2, 2),
            "point_labels": torch.ones(1, 2),
            "mask_input": torch.zeros(1, 1, 32, 32),
            "has_mask_input": torch.ones(1),
        }
        if not samexporter:
            inputs["orig_im_size"] = torch.tensor([90, 120])
        free = {"point_coords": {0: "num_labels", 1: "num_points"}, "point_labels": {0: "num_labels", 1: "num_points"}}
        free |= {"mask_input": {0: "num_labels"}, "has_mask_input": {0: "num_labels"}}
        export_onnx(Encoder(), {"input": image}, names, folder / "preprocess.onnx")
        export_onnx(Decoder(), inputs, masks, folder / "sam2.onnx", free)
        return folder

    return write


@pytest.fixture(scope="session")
def sam2_pair(tiny_sam2_pairs, tmp_path_factory):
    """A folder with a tiny SAM 2.1 in the layout of osam's files: ``preprocess.onnx`` and ``sam2.onnx``."""
    return tiny_sam2_pairs(tmp_path_factory.mktemp("sam2_pair"), samexporter=False)


@pytest.fixture(scope="session")
def samexporter_pair(tiny_sam2_pairs, tmp_path_factory):
    """The same as samexporter writes it: three masks, clamped, none enlarged, and other names."""
    return tiny_sam2_pairs(tmp_path_factory.mktemp("samexporter_pair"), samexporter=True)


@pytest.fixture(scope="session")
def efficient_sam_pair(tiny_sam, tmp_path_factory):
    """A folder with a tiny model of random weights that takes and gives what EfficientSAM's files do.

    The package itself is not to be had, so that parts of segment-anything stand in for its own: what they compute is not what is tested.
    """
    torch = pytest.importorskip("torch", reason="the exporter needs torch")
    resize = torch.nn.functional.interpolate
    sam = tiny_sam(seed=1, width=64, heads=8, frame=128, grid=8)

    class Encoder(torch.nn.Module):
        def forward(self, images):
            return sam.image_encoder((resize(images, (128, 128), mode="bilinear") - 0.45) / 0.225)

    class Decoder(torch.nn.Module):
        def forward(self, embedding, points, labels, size):
            points = torch.stack([points[..., 0] * 128 / size[1], points[..., 1] * 128 / size[0]], dim=-1)
            spare = 6 - points.shape[2]
            points = torch.nn.functional.pad(points, (0, 0, 0, spare), value=-1.0).reshape(1, 6, 2)
            labels = torch.nn.functional.pad(labels, (0, spare), value=-1.0).reshape(1, 6, 1)
            prompts = sam.prompt_encoder
            sparse = prompts.pe_layer._pe_encoding((points + 0.5) / 128) + (labels == -1) * prompts.not_a_point_embed.weight
            for kind in (1, 2, 3):
                sparse = sparse + (labels == kind) * prompts.point_embeddings[kind].weight
            dense = prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
            logits, scores = sam.mask_decoder.predict_masks(embedding, prompts.get_dense_pe(), sparse, dense)
            masks = resize(logits[:, 1:], (size[0], size[1]), mode="bilinear")
            return masks.reshape(1, 1, 3, size[0], size[1]), scores[:, 1:].sigmoid().reshape(1, 1, 3), logits[:, 1:]

    folder = tmp_path_factory.mktemp("efficient_sam_pair")
    photos = {"batched_images": torch.zeros(1, 3, 90, 120)}
    export_onnx(Encoder(), photos, ["image_embeddings"], folder / "encoder.onnx", {"batched_images": {0: "batch", 2: "height", 3: "width"}})
    inputs = {
        "image_embeddings": torch.zeros(1, 64, 8, 8),
        "batched_point_coords": torch.zeros(1, 1, 5, 2),
        "batched_point_labels": torch.ones(1, 1, 5),
        "orig_im_size": torch.tensor([90, 120]),
    }
    free = {"image_embeddings": {0: "batch"}, "batched_point_coords": {2: "num_points"}, "batched_point_labels": {2: "num_points"}}
    export_onnx(Decoder(), inputs, ["output_masks", "iou_predictions"], folder / "decoder.onnx", free)  # The third output has no name.
    return folder


def export_onnx(module, inputs, outputs, path, free=None):
    """Writes a torch module as ONNX; `free` names the dimensions of inputs that may have any length."""
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # Of tracing, and of the exporter's age: published files were written by it.
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=free,
            opset_version=17,
            dynamo=False,
        )


@pytest.fixture(scope="session")
def quantised():
    """Quantises ONNX files as labelme's were: ``quantised(folder, into, simplified)``."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def quantise(folder, into, simplified=True, weight_type=QuantType.QUInt8, **settings):
        for path in folder.glob("*.onnx"):
            source = path
            if simplified:  # As quantize_dynamic did by itself at that time.
                source = into / f"{path.stem}.simplified.onnx"
                options = onnxruntime.SessionOptions()
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
                options.optimized_model_filepath = str(source)
                onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            with contextlib.redirect_stdout(io.StringIO()):
                quantize_dynamic(str(source), str(into / f"{path.stem}.quantized.onnx"), weight_type=weight_type, **settings)
            if simplified:
                source.unlink()
        return into

    return quantise


@pytest.fixture(scope="session")
def sam_int8_pair(sam_pair, quantised, tmp_path_factory):
    """`sam_pair`, quantised."""
    return quantised(sam_pair, tmp_path_factory.mktemp("sam_int8_pair"))


@pytest.fixture(scope="session")
def ultralytics_tasks():
    """Module ``ultralytics.nn.tasks``, imported as promptseg does it: `pytest.importorskip` lets it change the process of all tests."""
    pytest.importorskip("torch", reason="ultralytics' own code needs torch")
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("ultralytics is not installed")
    from promptseg.backends._ultralytics import import_tasks

    return import_tasks()


@pytest.fixture(scope="session")
def tiny_yolo(ultralytics_tasks, tmp_path_factory):
    """Writes checkpoints of small models of ultralytics' own layers with random weights: ``tiny_yolo(architecture, names)`` is a path."""
    import torch

    tasks = ultralytics_tasks

    def make(
        architecture: str = "yolov8n", names: tuple[str, ...] = ("dog", "cat", "sports ball"), seed: int = 0, scale=(0.33, 0.0625, 256)
    ):
        configuration = tasks.yaml_model_load(f"{architecture}.yaml")
        if scale is not None:
            configuration["scales"] = {configuration["scale"]: scale}
        kind = tasks.SegmentationModel if architecture.endswith("-seg") else tasks.DetectionModel
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = kind({**configuration, "nc": len(names)}, verbose=False)
            for layer in model.modules():  # Normalised to real activations, else all boxes are alike.
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.momentum = 1.0
            model.train()(torch.rand(4, 3, 64, 64))
            head = model.model[-1]
            for layer in head.cv3:
                layer[-1].weight.data *= 4
                layer[-1].bias.data[:] = -2
            for layer in head.cv2 if head.reg_max == 1 else ():  # Distances as they are: most are to be positive.
                layer[-1].weight.data *= 0.2
        model.names = dict(enumerate(names))
        model.task = "segment" if architecture.endswith("-seg") else "detect"
        path = tmp_path_factory.mktemp("yolo") / ("tiny-seg.pt" if model.task == "segment" else "tiny.pt")
        torch.save({"model": model, "ema": None, "train_args": {"imgsz": 64, "task": model.task}}, path)
        return path

    return make


@pytest.fixture(scope="session")
def tiny_onnx_yolo(tmp_path_factory):
    """Writes small detectors for ONNX Runtime in the layout in which ultralytics exports them, with random weights."""

    def make(masks: int = 0, side=64, end_to_end: bool = False, half: bool = False, metadata=None, classes: int = 3):
        from onnx import TensorProto, helper, numpy_helper

        random = np.random.default_rng(5)
        real = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        sides = [side, side] if isinstance(side, int) else ["height", "width"]
        rows = 6 + masks if end_to_end else 4 + classes + masks
        constants = {
            "kernel": random.normal(0, 0.6, (rows, 3, 8, 8)).astype(np.float16 if half else np.float32),
            "bias": random.normal(0, 0.2, rows).astype(np.float16 if half else np.float32),
            "flat": np.array([1, rows, -1], np.int64),
            "rows": np.array([4, rows - 4 - masks, masks] if masks else [4, rows - 4], np.int64),
            "side": np.array(64, np.float16 if half else np.float32),
            "few": np.array(0.9, np.float16 if half else np.float32),
        }
        parts = ["box", "score", "mask"] if masks else ["box", "score"]
        nodes = [
            helper.make_node("Conv", ["images", "kernel", "bias"], ["map"], strides=[8, 8]),
            helper.make_node("Reshape", ["map", "flat"], ["all"]),
            helper.make_node("Split", ["all", "rows"], parts, axis=1),
            helper.make_node("Sigmoid", ["box"], ["share"]),
            helper.make_node("Mul", ["share", "side"], ["boxes"]),
            helper.make_node("Sigmoid", ["score"], ["sure"]),
            helper.make_node("Mul", ["sure", "few"], ["scores"]),
            helper.make_node("Concat", ["boxes", "scores", *parts[2:]], ["columns" if end_to_end else "output0"], axis=1),
        ]
        if end_to_end:
            nodes.append(helper.make_node("Transpose", ["columns"], ["output0"], perm=[0, 2, 1]))
        outputs = [helper.make_tensor_value_info("output0", real, None)]
        if masks:
            constants["prototype"] = random.normal(0, 0.3, (masks, 3, 4, 4)).astype(constants["kernel"].dtype)
            nodes.append(helper.make_node("Conv", ["images", "prototype"], ["output1"], strides=[4, 4]))
            outputs.append(helper.make_tensor_value_info("output1", real, None))
        graph = helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info("images", real, [1, 3, *sides])],
            outputs,
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        described = {
            "names": str(dict(enumerate(("dog", "cat", "sports ball")[:classes]))),
            "stride": "32",
            "task": "segment" if masks else "detect",
            "imgsz": "[64, 64]",
            "end2end": str(end_to_end),
            **(metadata or {}),
        }
        helper.set_model_props(model, {key: value for key, value in described.items() if value is not None})
        path = tmp_path_factory.mktemp("yolo") / "tiny.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make


@pytest.fixture(scope="session")
def bert_vocabulary():
    """Numbers of pieces, with those of bert-base-uncased for what Grounding DINO knows by number; beside them, letters and some words."""
    letters = [chr(ord("a") + i) for i in range(26)]
    words = ("red", "car", "wheel", "dog", "cat", "st", "bernard", "camion", "traffic", "light", "-", "[", "]", "sep", "'", "s", "!")
    pieces = [f"[unused{i}]" for i in range(1030)]
    for token, number in {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}.items():
        pieces[number] = token
    pieces += dict.fromkeys((*letters, *(f"##{letter}" for letter in letters), *words))
    return {piece: number for number, piece in enumerate(pieces)}


@pytest.fixture(scope="session")
def bert_vocabulary_file(bert_vocabulary, tmp_path_factory):
    """The vocabulary as ``vocab.txt``."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in bert_vocabulary), "utf-8")
    return path


class TinyGrounding:
    """Tiny Grounding DINOs of the libraries' own code, with random weights."""

    def __init__(self, vocabulary):
        from promptseg.grounding.architecture import Architecture

        text = {"text_layers": 2, "text_width": 32, "text_heads": 4, "text_feed_forward": 64}
        self.architecture = Architecture(
            16, (1, 1, 2, 1), (1, 2, 4, 4), 3, 2, feed_forward=64, queries=30, shorter_side=64, longest_side=107, **text
        )
        self._vocabulary = vocabulary
        self._states = {}

    def state(self, seed=0):
        """The tensors by their original names."""
        if seed not in self._states:
            self._states[seed] = self._make(seed)
        return {name: tensor.clone() for name, tensor in self._states[seed].items()}

    def save(self, folder):
        """Writes a checkpoint and vocabulary as they are published: in ``model``, under the names of a parallel model, with left-overs."""
        import torch

        published = {**self.state(), "label_enc.weight": torch.zeros(3, 4), "bert.embeddings.position_ids": torch.arange(512)[None]}
        torch.save({"model": {f"module.{name}": tensor for name, tensor in published.items()}}, folder / "groundingdino_swint_ogc.pth")
        (folder / "vocab.txt").write_bytes(self._vocabulary.read_bytes())
        return folder

    def _make(self, seed):
        import torch

        from promptseg.grounding.groundingdino_engine import build

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build(self.architecture).requires_grad_(False)
            for parameter in model.parameters():  # Biases, norms and scales begin as zeros and ones, which hide mistakes.
                parameter += 0.05 * torch.randn_like(parameter)
            for parameter in model.transformer.decoder.norm.parameters():  # Logits of some units, as trained ones are.
                parameter *= 0.25
        return model.state_dict()


@pytest.fixture(scope="session")
def tiny_grounding(bert_vocabulary_file):
    """A `TinyGrounding`; tests with it are skipped where one of the engines has nothing to stand on."""
    for module, package in (("torch", "torch"), ("transformers", "transformers"), ("groundingdino", "groundingdino-py")):
        pytest.importorskip(module, reason=f"Grounding DINO's engines: {package} is not installed")
    return TinyGrounding(bert_vocabulary_file)


@pytest.fixture(scope="module")
def small_models(request, tmp_path_factory):
    """A `SmallModels`: stages as a file describes them, with weights of small models of the same libraries."""
    with pytest.MonkeyPatch.context() as patch:
        yield SmallModels(request, tmp_path_factory.mktemp("models"), patch)


class SmallModels:
    """Makes small weights, has them taken for those of any size, and keeps what was loaded from them."""

    def __init__(self, request, folder, patch):
        self._fixture, self._folder, self._patch = request.getfixturevalue, folder, patch
        self._stages, self._loaded = {}, {}
        load = registry._load

        def load_once(chosen, device, options):
            key = (chosen.model.name, chosen.engine.name, chosen.weights)
            if key not in self._loaded:
                self._loaded[key] = load(chosen, device, options)
            return self._loaded[key]

        patch.setattr(registry, "_load", load_once)

    def stage(self, name, engine):
        if (name, engine) not in self._stages:
            model = registry.find_model(name)
            weights = getattr(self, f"_{model.engine(engine).backend}")(name, model.engine(engine))
            self._stages[name, engine] = {"model": name, "engine": engine, **({"weights": str(weights)} if weights else {})}
        return self._stages[name, engine]

    def _superpixel(self, name, engine):
        pytest.importorskip("skimage", reason="scikit-image is not installed")

    def _yolo(self, name, engine):
        tiny_yolo = self._fixture("tiny_yolo")
        from promptseg.backends import yolo

        weights = tiny_yolo("yolov8n-seg" if name.endswith("-seg") else "yolov8n")
        self._patch.setattr(yolo, "_check_variant", lambda *_: None)
        return weights

    def _onnx_yolo(self, name, engine):
        return self._fixture("tiny_onnx_yolo")()

    def _grounding_dino(self, name, engine):
        tiny = self._fixture("tiny_grounding")
        from promptseg.grounding import architecture

        self._patch.setitem(architecture.ARCHITECTURES, engine.variant, tiny.architecture)
        return tiny.save(self._new_folder()) / "groundingdino_swint_ogc.pth"

    _grounding_dino_original = _grounding_dino

    def _sam(self, name, engine):
        return self._in_torch(self._fixture("tiny_sam")(), engine)

    _mobile_sam = _sam

    def _sam2(self, name, engine):
        return self._in_torch(self._fixture("tiny_sam2")(generation="2.1" if name.startswith("sam2.1") else "2"), engine)

    def _onnx_sam(self, name, engine):
        pair = "sam2_pair" if name.startswith("sam2") else "efficient_sam_pair" if name.startswith("efficient") else "sam_pair"
        return self._fixture(pair)

    def _in_torch(self, model, engine):
        import torch

        from promptseg.backends import mobile_sam, sam, sam2
        from promptseg.sam import torch_checkpoints

        variant = Path(engine.variant).stem if engine.variant.endswith(".yaml") else engine.variant
        for backend, build in ((sam, "_build"), (mobile_sam, "_build"), (sam2, "build_image_model")):
            self._patch.setattr(backend, build, lambda *_: model)
        self._patch.setattr(mobile_sam, "TinyVitEncoder", lambda encoder: encoder)
        self._patch.setattr(torch_checkpoints, "variant_of", lambda _: variant)
        path = self._new_folder() / "weights.pt"
        torch.save(model.state_dict(), path)
        return path

    def _new_folder(self):
        folder = self._folder / str(len(list(self._folder.iterdir())))
        folder.mkdir()
        return folder


class FileServer(ThreadingHTTPServer):
    """A web server on 127.0.0.1 that misbehaves as it is told.

    Attributes:
        files: Content by path, such as ``"/weights.bin"``.
        statuses: Status codes to answer instead, by path.
        ranges: Whether it continues a download; if not, it sends the whole file again.
        lengths: Whether it says how long its answers are.
        compresses: Whether it compresses answers for a client that accepts that.
        cut_after: Bytes after which the next answer breaks off, or None.
        midway: Called when half of an answer is sent, or None.
        requests: ``(path, headers)`` of every request so far.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _FileHandler)
        self.files, self.statuses, self.requests = {}, {}, []
        self.ranges, self.lengths, self.compresses = True, True, False
        self.cut_after = self.midway = None

    def url(self, path=""):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        """Says nothing: clients that hang up are part of the tests."""


class _FileHandler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        status = server.statuses.get(self.path, 200 if self.path in server.files else 404)
        body, headers = server.files.get(self.path, b""), {}
        wanted = self.headers.get("Range")
        if status == 200 and server.compresses and "gzip" in self.headers.get("Accept-Encoding", ""):
            body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
        if status == 200 and wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
            body = body[start:]
        if status not in (200, 206):
            return self.send_error(status)
        self.send_response(status)
        if server.lengths:
            headers["Content-Length"] = len(body)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        cut, server.cut_after = server.cut_after, None
        if cut is not None:
            return self.wfile.write(body[:cut])
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if server.midway:
            server.midway()
        return self.wfile.write(body[len(body) // 2 :])

    def log_message(self, format, *args):  # noqa: A002 - The name in http.server.
        """Says nothing."""


@pytest.fixture
def file_server(monkeypatch):
    """A `FileServer` that runs for one test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def write_video():
    """Writes a small video file: ``write_video(path, count=12)``. Frame i is dark with a light bar of width 2 i + 2 and a red corner."""
    av = pytest.importorskip("av", reason="video files need package av")
    from fractions import Fraction

    def write(path, count=12, *, size=(48, 64), codec="libx264", pixels="yuv420p", times=None, rotation=0, options=None, key_every=5):
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=10, options={"x265-params": "log-level=none"} if codec == "libx265" else {})
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = size[1], size[0], pixels, key_every
            stream.codec_context.time_base = Fraction(1, 1000)
            if rotation:
                stream.set_display_rotation(rotation)
            for index in range(count):
                image = np.full((*size, 3), 40, np.uint8)
                image[:, : 2 * index + 2] = 220
                image[:10, :10] = (255, 0, 0)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = (100 * index if times is None else times[index]), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
