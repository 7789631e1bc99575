"""What all tests share: an isolated home, a small photo, the folder of real data."""

from __future__ import annotations

import gzip
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image, ImageDraw, ImageFilter

import promptseg
from promptseg import registry
from promptseg.errors import WeightsError

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
