import io
import json

import numpy as np
import pytest
from PIL import Image

from clearhead.core.errors import ArtifactError, DataError
from clearhead.study.tasks import load_key, load_study, media_files, save_study
from clearhead.study.tasks.exhibits import encode

KINDS = ["simulate", "spurious", "misclassification"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["exhibits", "texts"])
def test_round_trip(world, kind, what, tmp_path):
    exhibits = getattr(world, what)
    study = world.build(kind, exhibits=exhibits)
    save_study(study, tmp_path, exhibits.picture)
    back = load_study(tmp_path, with_key=True)
    assert back.tasks == study.tasks
    assert back.decisions == study.decisions
    assert dict(back.key.media) == dict(study.key.media)
    assert json.loads(json.dumps(back.key.truths)) == json.loads(json.dumps(study.key.truths))
    assert set(media_files(tmp_path)) == set(study.key.media)


def test_the_key_is_apart_and_private(world, tmp_path):
    save_study(world.simulate(), tmp_path, world.exhibits.picture)
    text = (tmp_path / "tasks.json").read_text()
    assert '"correct"' not in text
    assert '"seed"' not in text
    assert '"truths"' not in text
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0
    assert load_study(tmp_path).key.truths == {}
    assert load_key(tmp_path).truths


def test_another_schema_is_refused(world, tmp_path):
    save_study(world.simulate(), tmp_path, world.exhibits.picture)
    (tmp_path / "tasks.json").write_text('{"schema": 99}')
    with pytest.raises(ArtifactError, match="another version"):
        load_study(tmp_path)


def test_only_numbered_pictures_are_media(world, tmp_path):
    save_study(world.simulate(), tmp_path, world.exhibits.picture)
    (tmp_path / "media" / "m00001.png.bak").write_bytes(b"x")
    (tmp_path / "media" / "mother.png").write_bytes(b"x")
    assert set(media_files(tmp_path)) == set(load_key(tmp_path).media)


def test_pictures_carry_no_metadata():
    image = Image.new("RGB", (20, 10), (1, 2, 3))
    exif = Image.Exif()
    exif[0x010E] = "n02123045 tabby"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif, comment=b"tabby")
    data, ending = encode(buffer.getvalue())
    assert ending == "png"
    assert b"tabby" not in data
    data, ending = encode(np.zeros((900, 300, 3), np.uint8))
    assert ending == "jpg"
    assert Image.open(io.BytesIO(data)).size == (171, 512)


def test_what_is_not_a_picture_is_refused():
    with pytest.raises(DataError, match="cannot show this"):
        encode(3.5)
