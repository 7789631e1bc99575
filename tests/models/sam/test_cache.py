import errno
import os
import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest

from promptseg.errors import ConfigError
from promptseg.models.sam import cache as cache_module
from promptseg.models.sam.cache import EmbeddingCache, image_key
from promptseg.results import Provenance

KB = 1024


def features(value=0, size=KB):
    """Features of `size` bytes."""
    return {"embedding": np.full(size // 4, value, np.float32)}


def value_of(found):
    return None if found is None else found["embedding"][0]


class TestKey:
    PROVENANCE = Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "aa", "decoder.onnx": "bb"})

    def test_it_is_the_same_for_the_same_pixels_and_model(self, photo):
        image = photo()
        key = image_key(image, self.PROVENANCE)
        assert len(key) == 64
        assert key == image_key(image.copy(), self.PROVENANCE)
        assert key == image_key(np.asfortranarray(image), self.PROVENANCE)
        order = Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"decoder.onnx": "bb", "encoder.onnx": "aa"})
        assert key == image_key(image, order)

    def test_a_fine_tuned_decoder_does_not_change_it(self, photo):
        weights = {**self.PROVENANCE.weights, "decoder.safetensors": "cc"}
        assert image_key(photo(), self.PROVENANCE) == image_key(photo(), replace(self.PROVENANCE, weights=weights))

    def test_one_changed_pixel_or_another_shape_changes_it(self, photo):
        image = photo(60, 80)
        changed = image.copy()
        changed[-1, -1, -1] ^= 1
        keys = {image_key(pixels, self.PROVENANCE) for pixels in (image, changed, image.reshape(80, 60, 3))}
        assert len(keys) == 3

    @pytest.mark.parametrize(
        "other",
        [
            Provenance("sam-vit-b", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "aa", "decoder.onnx": "bb"}),
            Provenance("mini-sam", "sam", "onnxruntime 1", {"encoder.onnx": "aa", "decoder.onnx": "bb"}),
            Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "ab", "decoder.onnx": "bb"}),
            Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "aa"}),
            Provenance("mini-sam", "onnx_sam", "onnxruntime 1", {"encoder.onnx": "aa", "decoder.onnx": "bb"}, dtype="bfloat16"),
        ],
    )
    def test_another_model_or_other_weights_change_it(self, other, photo):
        assert image_key(photo(), self.PROVENANCE) != image_key(photo(), other)


class TestMemory:
    def test_stored_features_are_found_and_others_are_not(self):
        cache = EmbeddingCache()
        cache.put("a", features(1))
        assert value_of(cache.get("a")) == 1
        assert cache.get("b") is None

    def test_it_never_holds_more_bytes_than_allowed(self):
        cache = EmbeddingCache(10 * KB)
        for i in range(50):
            cache.put(str(i), features(i, (i % 7 + 1) * KB))
            held = sum(array.nbytes for key in map(str, range(50)) if (found := cache._entries.get(key)) for array in found.values())
            assert cache.nbytes == held <= 10 * KB

    def test_the_least_recently_used_goes_first(self):
        cache = EmbeddingCache(3 * KB)
        for i in range(3):
            cache.put(str(i), features(i))
        cache.get("0")
        cache.put("3", features(3))
        assert [value_of(cache.get(str(i))) for i in range(4)] == [0, None, 2, 3]

    def test_features_larger_than_the_whole_cache_evict_nothing(self):
        cache = EmbeddingCache(3 * KB)
        cache.put("small", features(1))
        cache.put("large", features(2, 4 * KB))
        assert value_of(cache.get("small")) == 1
        assert cache.get("large") is None

    def test_a_cache_of_no_bytes_keeps_nothing(self):
        cache = EmbeddingCache(0)
        cache.put("a", features(1))
        assert cache.get("a") is None
        assert cache.nbytes == 0

    def test_features_stored_twice_count_once(self):
        cache = EmbeddingCache(3 * KB)
        for _ in range(5):
            cache.put("a", features(1))
        assert cache.nbytes == KB

    def test_cached_features_are_read_only_because_sessions_share_them(self):
        cache = EmbeddingCache()
        cache.put("a", features(1))
        with pytest.raises(ValueError, match="read-only"):
            cache.get("a")["embedding"][0] = 2

    def test_many_threads_may_share_it(self, tmp_path):
        cache = EmbeddingCache(20 * KB, tmp_path, 15 * KB)
        failures = []

        def work(seed):
            random = np.random.default_rng(seed)
            try:
                for i in random.integers(0, 40, 60):
                    found = cache.get(str(i))
                    if found is None:
                        cache.put(str(i), features(i))
                    elif value_of(found) != i or found["embedding"].nbytes != KB:
                        failures.append((i, found))
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert cache.nbytes <= 20 * KB
        assert cache.nbytes == sum(f["embedding"].nbytes for f in cache._entries.values())


class TestDisk:
    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match="got the file"):
            EmbeddingCache(folder=tmp_path / "file")

    def test_two_caches_on_one_folder_share_what_they_hold(self, tmp_path):
        one, other = EmbeddingCache(folder=tmp_path / "new" / "folder"), EmbeddingCache(folder=str(tmp_path / "new" / "folder"))
        stored = {"a": np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32), "b": np.zeros(3, np.float32)}
        one.put("key", stored)
        found = other.get("key")
        assert set(found) == {"a", "b"}
        assert all(np.array_equal(found[name], stored[name]) for name in stored)
        assert found["a"].dtype == np.float32

    def test_what_was_read_from_disk_is_held_in_memory(self, tmp_path):
        EmbeddingCache(folder=tmp_path).put("key", features(1))
        cache = EmbeddingCache(folder=tmp_path)
        cache.get("key")
        (tmp_path / "key.npz").unlink()
        assert value_of(cache.get("key")) == 1

    def test_the_folder_alone_serves_too(self, tmp_path):
        cache = EmbeddingCache(0, tmp_path)
        cache.put("key", features(1))
        assert value_of(cache.get("key")) == 1
        assert cache.nbytes == 0

    @pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.999])
    def test_a_truncated_file_is_ignored_and_removed(self, share, tmp_path):
        EmbeddingCache(folder=tmp_path).put("key", features(1))
        path = tmp_path / "key.npz"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        assert EmbeddingCache(folder=tmp_path).get("key") is None
        assert not path.exists()

    def test_a_file_with_altered_bytes_is_ignored_and_removed(self, tmp_path):
        EmbeddingCache(folder=tmp_path).put("key", features(1))
        path = tmp_path / "key.npz"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        assert EmbeddingCache(folder=tmp_path).get("key") is None
        assert not path.exists()

    def test_a_foreign_file_is_ignored_and_its_code_never_runs(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return (os.mkdir, (str(tmp_path / "trapped"),))

        (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Trap()))
        np.savez(tmp_path / "object.npz", embedding=np.array([Trap()], dtype=object))
        np.save(tmp_path / "array.npz", np.zeros(3))
        (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
        cache = EmbeddingCache(folder=tmp_path)
        for key in ("pickle", "object", "array"):
            assert cache.get(key) is None
        assert not (tmp_path / "trapped").exists()

    @pytest.mark.parametrize(
        "stored",
        [
            {},
            {"embedding": np.zeros((3, 4), np.float32)},
            {"embedding": np.full(KB // 4, 1, np.float64)},
            {"other": np.full(KB // 4, 1, np.float32)},
            {"embedding": np.full(KB // 4, 1, np.float32)},
            {"embedding": np.full(KB // 4, 1, np.float32), "more": np.zeros(3)},
        ],
        ids=["nothing", "another shape", "another type", "another name", "no digest", "more"],
    )
    def test_a_file_that_this_cache_did_not_write_is_ignored_and_removed(self, stored, tmp_path):
        np.savez(tmp_path / "key.npz", **stored)
        assert EmbeddingCache(folder=tmp_path).get("key") is None
        assert not (tmp_path / "key.npz").exists()

    def test_a_file_under_another_key_is_ignored_and_removed(self, tmp_path):
        EmbeddingCache(folder=tmp_path).put("key", features(1))
        (tmp_path / "key.npz").rename(tmp_path / "other.npz")
        assert EmbeddingCache(folder=tmp_path).get("other") is None
        assert not (tmp_path / "other.npz").exists()

    def test_a_file_that_unpacks_to_gigabytes_is_ignored(self, tmp_path, monkeypatch):
        monkeypatch.setattr("promptseg.runtime.npz.ALWAYS_ALLOWED", KB)
        np.savez_compressed(tmp_path / "key.npz", embedding=np.zeros(10 * KB * KB, np.float32))
        assert EmbeddingCache(folder=tmp_path).get("key") is None

    def test_what_killed_writers_left_is_removed_at_the_first_write(self, tmp_path):
        (tmp_path / ".key.npz.abcd1234.tmp").write_bytes(b"half")
        EmbeddingCache(folder=tmp_path).put("key", features(1))
        assert [path.name for path in tmp_path.iterdir()] == ["key.npz"]

    def test_a_damaged_file_is_written_anew(self, tmp_path):
        (tmp_path / "key.npz").write_bytes(b"damaged")
        cache = EmbeddingCache(0, tmp_path)
        assert cache.get("key") is None
        cache.put("key", features(1))
        assert value_of(cache.get("key")) == 1

    def test_the_folder_is_kept_within_its_bytes_and_the_least_recently_used_goes_first(self, tmp_path):
        cache = EmbeddingCache(0, tmp_path, disk_bytes=6 * KB)
        for i in range(4):  # Each file is 1 KB and a quarter: five are too many.
            cache.put(str(i), features(i))
            os.utime(tmp_path / f"{i}.npz", (1000 + i, 1000 + i))
        cache.get("0")
        cache.put("4", features(4))
        assert [value_of(cache.get(str(i))) for i in range(5)] == [0, None, 2, 3, 4]
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 6 * KB

    def test_nothing_half_written_is_left_when_the_disk_is_full_and_the_memory_still_serves(self, tmp_path, monkeypatch):
        def fail(file, *_):
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(cache_module, "write_npz", fail)
        cache = EmbeddingCache(folder=tmp_path)
        cache.put("key", features(1))
        assert value_of(cache.get("key")) == 1
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made_costs_nothing_but_speed(self, tmp_path):
        (tmp_path / "file").touch()
        cache = EmbeddingCache(folder=tmp_path / "file" / "folder")
        cache.put("key", features(1))
        assert value_of(cache.get("key")) == 1
        assert EmbeddingCache(folder=tmp_path / "file" / "folder").get("key") is None
