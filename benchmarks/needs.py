"""What models need to load and to encode one image, or to detect: `memory` and `seconds` in src/promptseg/registry/models.toml.

Each model gets random weights and a process of its own, on the CPU. The memory is the peak of resident memory less what was resident with
torch, upstream's code (or transformers), the backend and the image in memory. The time, with ``--seconds``, is the median of three rounds
by the clock, each of encoding the image and answering one click, or of finding one phrase; the machine must do nothing else meanwhile. The
values of weights do not matter, so none are downloaded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import random_detectors
import random_efficient_sam
import random_salient
from common import image_argument, parser

SOURCES = {
    "sam": ("segment_anything", "segment_anything.sam_model_registry[variant]()"),
    "mobile_sam": ("mobile_sam", "mobile_sam.sam_model_registry[variant]()"),
    "sam_hq": ("segment_anything_hq", "segment_anything_hq.sam_model_registry[variant]()"),
    "sam2": ("sam2.build_sam", "sam2.build_sam.build_sam2(variant, ckpt_path=None, device='cpu')"),
}
"""By backend: the module with upstream's code, and the expression that builds a model."""

DETECTORS = {
    "rf_detr": "",
    "d_fine": "",
    "owlv2": "",
    "mm_grounding_dino": "",
    "dinov2": "",
    "omdet_turbo": "",
    "vitmatte": "",
    "sam3": "",
    "sam3_tracker": "",
    "onnx_detector": "model.onnx",
    "yolo": "weights.pt",
}
"""By backend: the file in the folder of `random_detectors`, if the folder is not what is loaded."""

HF_SIZES = {
    "sam-vit-b": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "global_attn_indexes": [2, 5, 8, 11]},
    "sam-vit-l": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "global_attn_indexes": [5, 11, 17, 23]},
    "sam-vit-h": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16, "global_attn_indexes": [7, 15, 23, 31]},
    "slimsam-50": {"hidden_size": 384, "mlp_dim": 1536},
    "slimsam-77": {"hidden_size": 168, "mlp_dim": 696},
    "sam2.1-hiera-tiny": {},
    "sam2.1-hiera-small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "sam2.1-hiera-base-plus": {
        "hidden_size": 112,
        "blocks_per_stage": [2, 3, 16, 3],
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "sam2.1-hiera-large": {
        "hidden_size": 144,
        "blocks_per_stage": [2, 6, 36, 4],
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "window_size_per_stage": [8, 4, 16, 8],
        "global_attention_blocks": [23, 33, 43],
    },
    "edgetam": {},
}
"""Sizes of the image encoders of transformers, by model. Those of SAM-HQ are those of SAM."""

HF_WRITE = """
import sys, warnings
warnings.simplefilter("ignore")
import transformers as tf
variant, sizes, path = sys.argv[1], eval(sys.argv[2]), sys.argv[3]
if variant == "sam":
    model = tf.SamModel(tf.SamConfig(vision_config=sizes))
elif variant == "sam_hq":
    model = tf.SamHQModel(tf.SamHQConfig(vision_config=sizes, mask_decoder_config={"vit_dim": sizes["hidden_size"]}))
elif variant == "sam2":
    backbone = tf.Sam2HieraDetConfig(**sizes)
    vision = tf.Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=backbone.embed_dim_per_stage[::-1])
    model = tf.Sam2VideoModel(tf.Sam2VideoConfig(vision_config=vision))
else:
    arguments = {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]}
    vision = tf.EdgeTamVisionConfig(backbone_config=tf.TimmWrapperConfig(architecture="repvit_m1", model_args=arguments))
    model = tf.EdgeTamVideoModel(tf.EdgeTamVideoConfig(vision_config=vision))
model.save_pretrained(path)
"""

EXPORT = """
import sys, promptseg
promptseg.export_onnx(sys.argv[1], sys.argv[3], weights=sys.argv[2], layout="transformers-js")
"""

GROUNDING = {
    "grounding-dino-swin-t": {},
    "grounding-dino-swin-b": {
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
        "window_size": 12,
        "image_size": 384,
        "out_features": ["stage2", "stage3", "stage4"],
    },
}
"""Values of the backbone of Grounding DINO, by model, where they are not those of Swin-T."""

GROUNDING_WRITE = """
import pathlib, sys, warnings
warnings.simplefilter("ignore")
import transformers as tf
sizes, path = eval(sys.argv[2]), pathlib.Path(sys.argv[3])
config = tf.GroundingDinoConfig()
if sizes:
    config.backbone_config = tf.SwinConfig(**sizes)
tf.GroundingDinoForObjectDetection(config).save_pretrained(path)
words = ["word%d" % index for index in range(config.text_config.vocab_size)]
for index, word in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?", 2452: "cup"}.items():
    words[index] = word  # The numbers of bert-base-uncased.
(path / "vocab.txt").write_text("\\n".join(words))
"""

WRITE = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, {module}
variant, path = sys.argv[1:]
torch.save({model}.state_dict(), path)
"""

MEASURE = """
import resource, statistics, sys, time, warnings
warnings.simplefilter("ignore")
import cv2, promptseg, {module}, {factory}
{prepare}
name, engine, path, dtype, image_path, seconds = sys.argv[1:]
image = promptseg.load_image(image_path)
options = dict(engine=engine, device="cpu")
if path:
    options.update(weights=path)
    if "{module}" != "onnxruntime":
        options.update(dtype=dtype, allow_slow=True)
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
{answer}
answer()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(round((peak - before) / 2**20), "MiB", end="", flush=True)
weights = getattr(getattr(model, "model", None), "_weight_bytes", None)
print("" if weights is None else ", of which %d MiB weights" % round(weights / 2**20), flush=True)
if seconds:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        answer()
        times.append(time.perf_counter() - started)
    print(round(statistics.median(times), 2), "s", flush=True)
"""

IMPORT_ULTRALYTICS = "from promptseg.backends._ultralytics import import_tasks; import_tasks()"

SEGMENT = """
model = promptseg.load(name, cache=None, **options)
answer = lambda: model.open(image).segment([promptseg.Prompt.point(image.shape[1] // 2, image.shape[0] // 2)])
"""

DETECT = """
model = promptseg.load(name, **options)
answer = lambda: model.detect(image, ["cup"])
"""

STANDS_OUT = """
model = promptseg.load(name, **options)
answer = lambda: model.detect(image)
"""

FEATURES = """
model = promptseg.load_features(name, **options)
answer = lambda: model.features(image)
"""

FIND = """
model = promptseg.load_concept(name, cache=None, segmenter=None, **options)
answer = lambda: model.find(image, [promptseg.Prompt.text("cup")])
"""

MATTE = """
from promptseg.matting.trimap import make_trimap
model, inside = promptseg.load_matting(name, **options), image[..., 0] < 0
inside[image.shape[0] // 4 : -image.shape[0] // 4, image.shape[1] // 4 : -image.shape[1] // 4] = True
trimap = make_trimap(inside, 10)
answer = lambda: model.alpha(image, inside, trimap)
"""

ANSWERS = {"dinov2": FEATURES, "sam3": FIND, "sam3_tracker": SEGMENT, "vitmatte": MATTE}
"""By backend: what is asked of models that are not detectors."""


def main() -> None:
    arguments = parser(__doc__)
    image_argument(arguments)
    arguments.add_argument("models", nargs="*", help="models to measure (default: all, up to 3 GB and some minutes)")
    arguments.add_argument("--engines", nargs="*", default=["onnx", "torch", "transformers"], help="names of the engines to measure")
    arguments.add_argument("--seconds", action="store_true", help="also measure the time for an image with one prompt")
    arguments.add_argument("--upstream", type=Path, help="folder with clones of U-2-Net, DIS, BiRefNet and EfficientSAM")
    arguments.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    options = arguments.parse_args()
    image = str(options.image or options.shared / "data" / "sam_images" / "truck.jpg")
    import promptseg
    from promptseg.registry import DEFAULT_MODEL, backends

    for model in promptseg.list_models().values():
        for engine in model.engines:
            if (options.models and model.name not in options.models) or engine.name not in options.engines:
                continue
            with tempfile.TemporaryDirectory() as folder:
                answer, prepare = SEGMENT, ""
                if engine.backend == "grounding_dino" and model.name in GROUNDING:
                    module, path, answer = "transformers.modeling_utils", folder, DETECT
                    run(GROUNDING_WRITE, engine.variant, repr(GROUNDING[model.name]), path)
                elif model.name == DEFAULT_MODEL and engine.backend == "onnx_sam":
                    module, path = "onnxruntime", ""  # With the published weights.
                elif engine.backend == "hf_sam":
                    module, path = "transformers.modeling_utils", folder
                    run(HF_WRITE, engine.variant, repr(HF_SIZES[model.name.replace("-hq", "")]), path)
                elif engine.variant == "transformers-js" and model.name in HF_SIZES:
                    module, path = "onnxruntime", str(Path(folder) / "pair")
                    run(HF_WRITE, model.engine("transformers").variant, repr(HF_SIZES[model.name]), folder)
                    run(EXPORT, model.name, folder, path)
                elif engine.backend in DETECTORS and random_detectors.can_write(model.name):
                    module = "onnxruntime" if engine.name == "onnx" else "transformers.modeling_utils"
                    answer = ANSWERS.get(engine.backend, DETECT)
                    path = str(Path(folder) / DETECTORS[engine.backend])
                    prepare = IMPORT_ULTRALYTICS if engine.backend == "yolo" else ""
                    subprocess.run([sys.executable, random_detectors.__file__, model.name, engine.name, folder], check=True)
                elif options.upstream is not None and model.name in random_salient.MODELS:
                    module, answer, path = "onnxruntime", STANDS_OUT, str(Path(folder) / "model.onnx")
                    subprocess.run([sys.executable, random_salient.__file__, model.name, str(options.upstream), path], check=True)
                elif options.upstream is not None and model.name in random_efficient_sam.SIZES:
                    module, path = "onnxruntime", folder
                    subprocess.run([sys.executable, random_efficient_sam.__file__, model.name, str(options.upstream), path], check=True)
                elif engine.backend in SOURCES:
                    module, made = SOURCES[engine.backend]
                    path = str(Path(folder) / "weights.pth")
                    run(WRITE.format(module=module, model=made), engine.variant, path)
                else:
                    continue
                print(f"{model.name} ({engine.name}) in {options.dtype}: ", end="", flush=True)
                timed = "yes" if options.seconds else ""
                program = MEASURE.format(
                    module=module, factory=backends()[engine.backend].factory.partition(":")[0], prepare=prepare, answer=answer
                )
                run(program, model.name, engine.name, path, options.dtype, image, timed)


def run(program: str, *words: str) -> None:
    subprocess.run([sys.executable, "-c", program, *words], check=True)


if __name__ == "__main__":
    main()
