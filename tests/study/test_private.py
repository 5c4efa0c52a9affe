import json
import os

import pytest

from clearhead.core.errors import StorageError
from clearhead.study.private import write_private_json


def test_written_for_the_owner_alone_and_replaced(tmp_path):
    path = tmp_path / "new" / "key.json"
    old = os.umask(0)
    try:
        write_private_json(path, {"a": 1})
        write_private_json(path, {"a": 2})
    finally:
        os.umask(old)
    assert json.loads(path.read_text()) == {"a": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["key.json"]


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not write"):
        write_private_json(tmp_path / "file" / "key.json", {})
