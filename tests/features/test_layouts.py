"""Data sets in small copies of their originals' layouts, and what `check_data` says of them."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import DataError, UntrustedError
from clearhead.features.check import check_data
from clearhead.features.inputs import load_examples
from clearhead.features.layout_images import PLACES10
from clearhead.features.layouts import recognise
from clearhead.features.split import balanced

RANDOM = np.random.default_rng(0)


def picture(path, shade=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (
        RANDOM.integers(0, 256, (12, 12, 3), dtype=np.uint8) if shade is None else np.full((12, 12, 3), shade, np.uint8)
    )
    Image.fromarray(pixels).save(path, format="JPEG" if path.suffix != ".png" else "PNG")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def imagenet(tmp_path):
    for wnid in ("n02", "n01", "n03"):
        for i in range(3):
            picture(tmp_path / "train" / wnid / f"{wnid}_{i}.JPEG")
    return tmp_path


def devkit(folder):
    from scipy.io import savemat

    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    rows = [(1, "n03", "third, thing"), (2, "n01", "crane"), (3, "n02", "crane"), (1001, "n99", "entity")]
    data = folder / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    savemat(data / "meta.mat", {"synsets": np.array(rows, dtype=kind)})
    write(data / "ILSVRC2012_validation_ground_truth.txt", "2\n1\n3\n")


class TestImageNet:
    def test_devkit_val(self, imagenet):
        devkit(imagenet)
        for i in (1, 2, 3):
            picture(imagenet / "val" / f"ILSVRC2012_val_{i:08d}.JPEG")
        assert recognise(imagenet).name == "imagenet"
        found = load_examples(imagenet)
        assert found.class_names == ["crane (n01)", "crane (n02)", "third, thing"]
        val = found.columns["split"] == "val"
        assert found.labels[val].tolist() == [0, 2, 1]
        assert found.labels[~val].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_kaggle(self, tmp_path):
        root = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
        for wnid in ("n01", "n02"):
            picture(root / "train" / wnid / "a.JPEG")
        for i in (1, 2):
            picture(root / "val" / f"ILSVRC2012_val_{i:08d}.JPEG")
        write(tmp_path / "LOC_synset_mapping.txt", "n01 tench, Tinca tinca\nn02 goldfish\n")
        write(
            tmp_path / "LOC_val_solution.csv",
            "ImageId,PredictionString\nILSVRC2012_val_00000001,n02 1 2 3 4 \nILSVRC2012_val_00000002,n01 1 2 3 4 \n",
        )
        found = load_examples(tmp_path)
        assert found.class_names == ["tench, Tinca tinca", "goldfish"]
        assert found.labels[found.columns["split"] == "val"].tolist() == [1, 0]

    def test_tiny_imagenet(self, imagenet):
        for i, wnid in enumerate(("n03", "n01")):
            picture(imagenet / "val" / "images" / f"val_{i}.JPEG")
            with open(imagenet / "val" / "val_annotations.txt", "a") as file:
                file.write(f"val_{i}.JPEG\t{wnid}\t0\t0\t5\t5\n")
        write(imagenet / "words.txt", "n01\tone\nn02\ttwo\nn03\tthree\nn77\tother\n")
        found = load_examples(imagenet)
        assert found.class_names == ["one", "two", "three"]
        assert found.labels[found.columns["split"] == "val"].tolist() == [2, 0]

    def test_val_without_labels(self, imagenet):
        picture(imagenet / "val" / "ILSVRC2012_val_00000001.JPEG")
        with pytest.raises(DataError, match="nothing says their classes"):
            load_examples(imagenet)


class TestPlaces:
    def test_standard_folders(self, tmp_path):
        for name in (*PLACES10, "zoo"):
            picture(tmp_path / "train" / name.replace("/", "-") / "1.jpg")
            picture(tmp_path / "val" / name.replace("/", "-") / "2.jpg")
        found = load_examples(f"places10:{tmp_path}")
        assert len(found) == 20
        assert found.class_names[4] == "church/outdoor"
        assert sorted(found.labels.tolist()) == sorted(list(range(10)) * 2)

    def test_lettered_folders_and_flat_val(self, tmp_path):
        for name in (*PLACES10, "zoo"):
            picture(tmp_path / "data_256" / name[0] / name / "1.jpg")
        names = [f"/{name[0]}/{name}" for name in (*PLACES10, "zoo")]
        write(tmp_path / "categories_places365.txt", "".join(f"{name} {i}\n" for i, name in enumerate(names)))
        for i, c in enumerate((10, 4, 9)):
            picture(tmp_path / "val_256" / f"Places365_val_{i}.jpg")
            with open(tmp_path / "places365_val.txt", "a") as file:
                file.write(f"Places365_val_{i}.jpg {c}\n")
        found = load_examples(f"places10:{tmp_path}")
        assert found.labels[found.columns["split"] == "val"].tolist() == [4, 9]
        assert (found.columns["split"] == "train").sum() == 10

    def test_other_places(self, tmp_path):
        picture(tmp_path / "train" / "zoo" / "1.jpg")
        with pytest.raises(DataError, match="none of the ten"):
            load_examples(f"places10:{tmp_path}")


class TestSST:
    def test_dictionary(self, tmp_path):
        write(
            tmp_path / "datasetSentences.txt",
            "sentence_index\tsentence\n1\tgood -LRB- film -RRB-\n2\tso so\n3\tcafÃ© bad\n",
        )
        write(tmp_path / "datasetSplit.txt", "sentence_index,splitset_label\n1,1\n2,1\n3,3\n")
        write(tmp_path / "dictionary.txt", "good ( film )|0\nso so|1\ncafé bad|2\nbad|3\n")
        write(tmp_path / "sentiment_labels.txt", "phrase ids|sentiment values\n0|0.8\n1|0.5\n2|0.4\n3|0.1\n")
        found = load_examples(tmp_path)
        assert list(found) == ["good ( film )", "café bad"]
        assert found.labels.tolist() == [1, 0]
        assert found.columns["split"].tolist() == ["train", "val"]

    def test_trees(self, tmp_path):
        write(tmp_path / "trees" / "train.txt", "(3 (2 A) (4 (3 fine) (2 film)))\n(2 (2 so) (2 so))\n")
        write(tmp_path / "trees" / "dev.txt", "(0 (1 Bad) (2 -RRB-))\n")
        write(tmp_path / "trees" / "test.txt", "(4 (4 Great) (2 .))\n")
        found = load_examples(tmp_path)
        assert list(found) == ["A fine film", "Bad )", "Great ."]
        assert found.labels.tolist() == [1, 0, 1]
        assert found.columns["split"].tolist() == ["train", "val", "test"]

    def test_glue(self, tmp_path):
        write(tmp_path / "train.tsv", 'sentence\tlabel\nhide new secretions \t0\ngood "\t1\n')
        write(tmp_path / "dev.tsv", "sentence\tlabel\nall good\t1\n")
        write(tmp_path / "test.tsv", "index\tsentence\n0\tunlabelled\n")
        assert recognise(tmp_path).name == "sst2"
        found = load_examples(tmp_path)
        assert found.class_names == ["negative", "positive"]
        assert found.columns["split"].tolist() == ["train", "train", "val"]


def test_jigsaw(tmp_path):
    header = "toxic,severe_toxic,obscene,threat,insult,identity_hate\n"
    write(tmp_path / "train.csv", f'id,comment_text,{header}0001,"a, ""b""\nc",0,0,0,0,0,0\n0002,d,1,0,1,0,1,0\n')
    write(tmp_path / "test.csv", "id,comment_text\n10,e\n11,f\n12,g\n")
    write(tmp_path / "test_labels.csv", f"id,{header}12,1,0,0,1,0,0\n10,-1,-1,-1,-1,-1,-1\n11,0,0,0,0,0,0\n")
    found = load_examples(tmp_path)
    assert list(found) == ['a, "b"\nc', "d", "f", "g"]
    assert found.labels.tolist() == [[0] * 6, [1, 0, 1, 0, 1, 0], [0] * 6, [1, 0, 0, 1, 0, 0]]
    assert found.columns["id"].tolist() == ["0001", "0002", "11", "12"]
    assert found.columns["split"].tolist() == ["train", "train", "test", "test"]
    assert sorted(balanced(found.labels[:, 0], torch.arange(4)).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_binary(tmp_path, classes):
    folder = tmp_path / ("cifar-10-batches-bin" if classes == 10 else "cifar-100-binary")
    folder.mkdir()
    pixels = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)
    labels = np.array([[3], [0], [9], [7]], np.uint8)
    rows = np.hstack([labels, pixels] if classes == 10 else [labels * 0, labels, pixels])
    rows[:3].tofile(folder / ("data_batch_1.bin" if classes == 10 else "train.bin"))
    rows[3:].tofile(folder / ("test_batch.bin" if classes == 10 else "test.bin"))
    found = load_examples(tmp_path)
    assert sorted(found.labels.tolist()) == [0, 3, 7, 9]
    first = found.labels.tolist().index(3)
    assert np.array_equal(np.asarray(found[first]), pixels[0].reshape(3, 32, 32).transpose(1, 2, 0))
    assert (found.columns["split"] == "test").sum() == 1
    (folder / "extra.bin").write_bytes(b"abc")
    with pytest.raises(DataError, match="truncated"):
        load_examples(tmp_path)


def test_cifar_pickles_are_never_loaded(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({}))
    with pytest.raises(UntrustedError, match="binary version"):
        load_examples(tmp_path)


class TestCheck:
    def test_a_clean_folder(self, image_tree):
        for name in ("cat", "dog"):
            for i in range(10):
                picture(image_tree / name / f"more{i}.png")
        found = check_data(image_tree)
        assert found.sentence == "30 images of 2 classes: nothing wrong was found."
        assert found.tables["classes"].columns == {"class": ["cat", "dog"], "all": [15, 15]}
        assert found.numbers["errors"] == found.numbers["warnings"] == 0

    def test_what_is_wrong_is_listed(self, tmp_path):
        for split in ("train", "test"):
            for name in ("cat", "dog"):
                for i in range(12):
                    picture(tmp_path / split / name / f"{i}.png")
        picture(tmp_path / "train" / "cat" / "leak.png", 7)
        picture(tmp_path / "test" / "cat" / "leak.png", 7)
        picture(tmp_path / "train" / "cat" / "torn.png", 9)
        picture(tmp_path / "train" / "dog" / "torn.png", 9)
        (tmp_path / "train" / "dog" / "bad.png").write_bytes(b"x")
        picture(tmp_path / "train" / "emu" / "1.png")
        found = check_data(tmp_path, sample=None)
        problems = {row["what"]: row for row in found.tables["problems"].rows()}
        assert problems["examples that cannot be read"]["count"] == 1
        assert "dog/bad.png" in problems["examples that cannot be read"]["example"]
        assert problems["examples that occur in several parts"]["level"] == "error"
        assert "leak.png" in problems["examples that occur in several parts"]["example"]
        assert problems["equal examples with different labels"]["count"] == 1
        assert problems["classes with under 10 examples in train"]["example"] == "emu"
        assert problems["classes without one example in test"]["level"] == "warning"
        assert found.as_dict()["kind"] == "data_check"

    def test_a_sample_is_said_to_be_one(self, image_tree):
        found = check_data(image_tree, sample=4)
        assert found.numbers["examples_read"] == 4
        assert "only 4 examples" in found.caveats[0]

    def test_what_cannot_be_loaded(self, tmp_path):
        found = check_data(tmp_path)
        assert found.numbers["errors"] == 1
        assert "cannot be used" in found.sentence
        assert "no images in class folders" in found.sentence

    def test_texts(self, tmp_path):
        write(
            tmp_path / "t.csv", "text,label\n" + "same,0\nsame,1\n ,1\n" + "".join(f"{i},{i % 2}\n" for i in range(40))
        )
        problems = [row["what"] for row in check_data(tmp_path / "t.csv").tables["problems"].rows()]
        assert problems == ["empty texts", "examples that occur more than once", "equal examples with different labels"]

    def test_many_labels(self, tmp_path):
        write(tmp_path / "t.csv", "text,a,b\n" + "".join(f"{i},{i % 2},0\n" for i in range(40)))
        found = check_data(tmp_path / "t.csv", label_column="a,b")
        assert [row["example"] for row in found.tables["problems"].rows()] == ["b"]


class TestMalice:
    """Inputs made to harm are refused with a sentence, not with a full memory or an endless loop."""

    def test_a_link_to_a_folder_above(self, image_tree):
        (image_tree / "cat" / "loop").symlink_to(image_tree)
        with pytest.raises(DataError, match="link to a folder above"):
            load_examples(image_tree)

    def test_a_link_to_itself(self, image_tree):
        (image_tree / "cat" / "self.png").symlink_to(image_tree / "cat" / "self.png")
        with pytest.raises(DataError, match="leads nowhere"):
            load_examples(image_tree)

    def test_a_pipe_or_a_device_in_place_of_an_image(self, image_tree):
        os.mkfifo(image_tree / "cat" / "endless.png")
        with pytest.raises(DataError, match="neither a file nor a folder"):
            load_examples(image_tree)
        (image_tree / "cat" / "endless.png").unlink()
        (image_tree / "dog" / "zero.png").symlink_to("/dev/zero")
        with pytest.raises(DataError, match="neither a file nor a folder"):
            load_examples(image_tree)

    @pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
    def test_an_image_whose_text_unpacks_to_much_more(self, image_tree, kind):
        path = image_tree / "cat" / "0.png"
        body = (b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0") + zlib.compress(bytes(200_000_000), 9)
        chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        raw = path.read_bytes()
        path.write_bytes(raw[:33] + chunk + raw[33:])
        with pytest.raises(DataError, match="not a readable image"):
            list(load_examples(image_tree))

    @pytest.mark.parametrize("side", [11_000, 20_000])
    def test_an_image_of_too_many_pixels(self, image_tree, side):
        Image.new("1", (side, side)).save(image_tree / "cat" / "bomb.png")
        examples = load_examples(image_tree)
        with pytest.raises(UntrustedError, match="more pixels than an honest image"):
            list(examples)

    def test_a_compressed_table_that_grows(self, tmp_path):
        with gzip.open(tmp_path / "t.csv.gz", "wb") as file:
            file.write(b"text,label\n")
            for _ in range(40):
                file.write(b"a" * 1_000_000)
        with pytest.raises(UntrustedError, match="too long"):
            load_examples(tmp_path / "t.csv.gz")
