"""Inputs: folders, tables, arrays and functions become examples, or an error that says what is wrong with them."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from PIL import Image

from clearhead.core.errors import DataError, InputError, SettingError, UntrustedError
from clearhead.features.inputs import in_memory, join_splits, load_examples


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


class TestFolders:
    def test_classes_and_order(self, image_tree, pixels):
        found = load_examples(image_tree)
        assert found.class_names == ["cat", "dog"]
        assert found.labels.tolist() == [0] * 5 + [1] * 5
        assert found.uris[0] == "cat/0.png"
        assert np.array_equal(np.asarray(found[0]), pixels[0])
        assert found.key == load_examples(image_tree).key

    def test_splits(self, tmp_path, image_tree):
        for name in ("train", "val"):
            (tmp_path / "set" / name).mkdir(parents=True)
            for sub in ("cat", "dog"):
                (image_tree / sub).joinpath("x").mkdir(exist_ok=True)
                (tmp_path / "set" / name / sub).symlink_to(image_tree / sub)
        found = load_examples(tmp_path / "set")
        assert found.class_names == ["cat", "dog"]
        assert found.columns["split"].tolist() == ["train"] * 10 + ["val"] * 10

    def test_the_key_follows_the_files(self, image_tree):
        before = load_examples(image_tree).key
        Image.new("RGB", (9, 9)).save(image_tree / "cat" / "0.png")
        assert load_examples(image_tree).key != before

    def test_unreadable_is_named(self, image_tree):
        (image_tree / "cat" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        with pytest.raises(DataError, match=r"cat/0\.png"):
            load_examples(image_tree)[0]

    def test_truncated_is_named(self, image_tree):
        path = image_tree / "cat" / "0.png"
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(DataError, match=r"cat/0\.png"):
            load_examples(image_tree)[0]

    def test_empty(self, tmp_path):
        with pytest.raises(DataError, match="no images in class folders"):
            load_examples(tmp_path)

    def test_absent(self, tmp_path):
        with pytest.raises(DataError, match="does not exist"):
            load_examples(tmp_path / "nope")


class TestTables:
    def test_csv_with_quotes_and_commas(self, tmp_path):
        path = tmp_path / "t.csv"
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([["text", "label", "n"], ['a, "b"\nc', "yes", 1], ["d", "no", 2]])
        found = load_examples(path)
        assert list(found) == ['a, "b"\nc', "d"]
        assert found.class_names == ["no", "yes"]
        assert found.labels.tolist() == [1, 0]
        assert found.columns["n"].tolist() == [1, 2]

    def test_tsv_is_read_without_quoting(self, tmp_path):
        found = load_examples(write(tmp_path / "t.tsv", 'sentence\tlabel\n"an open quote\t1\nb\t0\n'))
        assert found[0] == '"an open quote'
        assert found.labels.tolist() == [1, 0]

    def test_numbered_classes_sort_as_numbers(self, tmp_path):
        found = load_examples(write(tmp_path / "t.tsv", "text\tlabel\n" + "".join(f"x\t{i}\n" for i in (10, 2, 1))))
        assert found.class_names == ["1", "2", "10"]
        assert found.labels.tolist() == [2, 1, 0]

    def test_names_for_numbered_classes(self, tmp_path):
        path = write(tmp_path / "t.tsv", "text\tlabel\na\t1\nb\t0\n")
        assert load_examples(path, class_names=["bad", "good"]).class_names == ["bad", "good"]
        with pytest.raises(SettingError, match="class names"):
            load_examples(path, class_names=["bad"])

    @pytest.mark.parametrize("suffix", ["csv.gz", "parquet"])
    def test_many_labels(self, tmp_path, suffix):
        import pandas as pd

        frame = pd.DataFrame({"comment_text": ["a", "b"], "toxic": [0, 1], "threat": [1, 1], "id": ["007", "x"]})
        path = tmp_path / f"t.{suffix}"
        if suffix == "parquet":
            frame.to_parquet(path)
        else:
            path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
        found = load_examples(path, label_column="toxic,threat")
        assert found.labels.tolist() == [[0, 1], [1, 1]]
        assert found.class_names == ["toxic", "threat"]
        assert found.columns["id"].tolist() == ["007", "x"]

    @pytest.mark.parametrize(
        ("text", "kwargs", "message"),
        [
            ("text,label\n", {}, "no rows"),
            ("", {}, "is empty"),
            ("a,b\n1,2\n", {}, "no column that is plainly"),
            ("text,label\nx,1\n", {"text_column": "body"}, "no column 'body'"),
            ("text,label\nx,1,2\n", {}, "another number of cells"),
            ("text,label\nx,\n", {}, "no label"),
            ("text,text\nx,\n", {}, "several columns of one name"),
            ("text,a,b\nx,0,-1\n", {"label_column": ["a", "b"]}, "must be 0 or 1"),
        ],
    )
    def test_bad_tables(self, tmp_path, text, kwargs, message):
        with pytest.raises(DataError, match=message):
            load_examples(write(tmp_path / "t.csv", text), **kwargs)

    def test_not_text(self, tmp_path):
        (tmp_path / "t.csv").write_bytes(b"text,label\n\xff\xfe,1\n")
        with pytest.raises(DataError, match="UTF-8"):
            load_examples(tmp_path / "t.csv")
        (tmp_path / "t.parquet").write_bytes(b"PAR1")
        with pytest.raises(DataError, match="Parquet"):
            load_examples(tmp_path / "t.parquet")
        (tmp_path / "t.csv.gz").write_bytes(b"no gzip")
        with pytest.raises(DataError, match="cannot be read"):
            load_examples(tmp_path / "t.csv.gz")

    @pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz"])
    def test_a_giant_cell_is_refused(self, tmp_path, suffix):
        raw = b"text,label\n" + b'"' + b"x" * 3_000_000
        path = tmp_path / f"t.{suffix}"
        path.write_bytes(gzip.compress(raw) if suffix.endswith("gz") else raw)
        with pytest.raises(UntrustedError, match="too long"):
            load_examples(path)


class TestMemoryAndFunctions:
    def test_arrays(self, pixels):
        found = in_memory(pixels, np.arange(50) % 2)
        assert np.array_equal(np.asarray(found[3]), pixels[3])
        assert in_memory(pixels[..., 0])[0].mode == "RGB"
        assert found.key != in_memory(pixels[::-1].copy(), np.arange(50) % 2).key

    def test_float_images_are_refused(self, pixels):
        with pytest.raises(DataError, match="uint8"):
            in_memory(pixels / 255.0)[0]

    def test_subset_keeps_everything_in_order(self, pictures):
        part = pictures.subset([4, 2])
        assert part.labels.tolist() == [1, 2]
        assert part.uris == ["row 4", "row 2"]
        assert np.array_equal(np.asarray(part[0]), np.asarray(pictures[4]))
        assert part.key != pictures.subset([2, 4]).key
        assert len(pictures[10:20]) == 10
        with pytest.raises(IndexError):
            part[2]

    def test_join(self, pictures):
        whole = join_splits(train=pictures.subset(range(30)), test=pictures.subset(range(30, 50)))
        assert whole.columns["split"].tolist() == ["train"] * 30 + ["test"] * 20
        assert np.array_equal(np.asarray(whole[45]), np.asarray(pictures[45]))
        with pytest.raises(DataError, match="other classes"):
            join_splits(train=pictures, val=in_memory([pictures[0]], [0], ["z"]))

    def test_functions(self, tmp_path):
        path = write(
            tmp_path / "mine.py",
            "import helper_of_mine\n"
            "def pair(): return ['a', 'b'], [0, 1]\n"
            "def full(): return ['a', 'b'], [0, 1], ['no', 'yes']\n"
            "def mapping(): return {'examples': ['a', 'b'], 'labels': [1, 0], 'columns': {'group': ['x', 'y']}}\n"
            "def wrong(): return 3\n"
            "def empty(): return [], []\n",
        )
        write(tmp_path / "helper_of_mine.py", "")
        assert load_examples(f"{path}:pair").labels.tolist() == [0, 1]
        assert load_examples(f"{path}:full").class_names == ["no", "yes"]
        assert load_examples(f"{path}:mapping").columns["group"].tolist() == ["x", "y"]
        for name in ("wrong", "empty"):
            with pytest.raises(DataError):
                load_examples(f"{path}:{name}")
        with pytest.raises(InputError, match="could not be imported"):
            load_examples(f"{write(tmp_path / 'bad.py', 'syntax error')}:pair")

    def test_labels_of_another_length(self):
        with pytest.raises(DataError, match="do not match rows"):
            in_memory(["a", "b"], [0])
        with pytest.raises(DataError, match="class names"):
            in_memory(["a", "b"], [0, 3], ["x", "y"])


@pytest.mark.parametrize("kind", ["image", "text"])
def test_saved_hub_data(tmp_path, pixels, kind):
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["no", "yes"])
    column = ("image", datasets.Image()) if kind == "image" else ("sentence", datasets.Value("string"))
    values = [Image.fromarray(p) for p in pixels[:4]] if kind == "image" else ["a", "b", "c", "d"]
    features = datasets.Features({column[0]: column[1], "label": label, "n": datasets.Value("int64")})
    part = datasets.Dataset.from_dict({column[0]: values, "label": [0, 1, 1, 0], "n": [1, 2, 3, 4]}, features=features)
    datasets.DatasetDict({"train": part, "validation": part}).save_to_disk(tmp_path / "saved")
    found = load_examples(tmp_path / "saved")
    assert found.kind == kind
    assert found.class_names == ["no", "yes"]
    assert found.columns["split"].tolist() == ["train"] * 4 + ["val"] * 4
    assert found.columns["n"].tolist() == [1, 2, 3, 4] * 2
    assert np.array_equal(np.asarray(found[1]), pixels[1]) if kind == "image" else found[1] == "b"
