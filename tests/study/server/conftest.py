"""A served study and people who visit it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from clearhead.study.server import create_app, make_secrets
from clearhead.study.settings import ServerSettings
from clearhead.study.store import open_store
from clearhead.study.tasks import save_study

BASE = "http://127.0.0.1:8000"


class Served:
    """A study being served in this process."""

    def __init__(self, world, folder, kind="simulate", settings=None, exhibits=None, url=None, **options):
        exhibits = exhibits or world.exhibits
        self.folder = folder
        self.study = replace(world.build(kind, exhibits=exhibits, **options), answers_per_task=2)
        save_study(self.study, folder, exhibits.picture)
        self.settings = settings or ServerSettings(rate=1e6, burst=10**6, address_rate=1e6, address_burst=10**6)
        self.store = open_store(
            url or folder / "study.sqlite",
            self.study,
            quota=self.settings.quota,
            lease_seconds=self.settings.lease_seconds,
        )
        self.secrets, self.admin_token = make_secrets(folder)
        self.app = create_app(folder, self.store, self.secrets, self.settings)

    def client(self):
        return TestClient(self.app, base_url=BASE, follow_redirects=True, raise_server_exceptions=True)

    def visitor(self, *, consent=True):
        """A client with a session, as a new invited person."""
        ((_, secret),) = self.store.people.invite(1)
        client = self.client()
        page = client.get(f"/join/{secret}")
        if consent:
            client.post("/consent", data=hidden(page.text))
        return client

    def close(self):
        self.store.close()


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))


FILLED = {
    "simulate": {"choice": "b", "confidence": "2"},
    "spurious": {"pattern": "yes", "confidence": "1", "description": "red", "where_a": "object", "where_b": "object"},
    "misclassification": {"matches": "a", "confidence": "3"},
}


def send(client, page, kind="simulate", **change):
    """Fill the task on the page and send it."""
    data = {**hidden(page.text), "action": "save", **FILLED[kind], **change}
    return client.post(page.url.path, data={k: v for k, v in data.items() if v is not None})


@pytest.fixture
def served(world, tmp_path):
    served = Served(world, tmp_path, classes=2, repeats=1)
    yield served
    served.close()
