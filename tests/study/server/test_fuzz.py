"""Whatever is sent to any route, by a stranger, an annotator or the admin: no 500."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import BASE, Served, hidden

ROLES = ["stranger", "annotator", "admin"]


@pytest.fixture(scope="module")
def fuzzed(world, tmp_path_factory):
    """One study with a client of each role; answers may pile up, nothing else matters here."""
    served = Served(world, tmp_path_factory.mktemp("fuzz"), classes=2, repeats=1)
    annotator, admin = served.visitor(), served.client()
    page = annotator.get("/task")
    admin.post("/admin/login", data={"token": served.admin_token})
    served.clients = {"stranger": served.client(), "annotator": annotator, "admin": admin}
    served.marks = {
        "stranger": {},
        "annotator": hidden(page.text),
        "admin": hidden(admin.get("/admin").text),
    }
    served.open_task = page.url.path
    for client in served.clients.values():
        client.follow_redirects = False
        client._transport.raise_server_exceptions = False
    yield served
    served.close()


def cases(app):
    """Every operation of the server's own description, as schemathesis draws it."""
    schema = schemathesis.openapi.from_dict(app.openapi())
    return [result.ok().as_strategy() for result in schema.get_all_operations()]


@pytest.mark.parametrize("role", ROLES)
def test_schemathesis_finds_no_500(fuzzed, role):
    client = fuzzed.clients[role]
    strategy = st.one_of(cases(fuzzed.app))

    @given(case=strategy)
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def send(case):
        if case.path == "/withdraw" and case.method == "POST":
            return  # it would end the session; forged ones are tried below
        arguments = case.as_transport_kwargs(base_url=BASE)
        arguments = {k: v for k, v in arguments.items() if k in ("method", "url", "headers", "params", "data", "json")}
        arguments.pop("cookies", None)
        try:
            response = client.request(**arguments)
        except (ValueError, UnicodeError):
            return  # the client itself cannot send such a header or address
        assert response.status_code < 500, (case.method, case.path, response.text)

    send()


text = st.text(st.characters(codec="utf-8"), max_size=40)
fields = st.dictionaries(
    st.sampled_from(
        ["csrf", "submission", "action", "choice", "confidence", "seconds", "count", "token", "version", "x"]
    ),
    st.one_of(text, st.sampled_from(["a", "2", "save", "blank", "nan", "-1", "1e999", "0" * 32, "\x00"])),
)


@pytest.mark.parametrize("role", ROLES)
def test_odd_forms_find_no_500(fuzzed, role):
    client, mark = fuzzed.clients[role], fuzzed.marks[role]

    @given(
        form=fields,
        genuine=st.booleans(),
        path=st.sampled_from(["open task", "/task/t00001", "/consent", "/withdraw", "/admin/invite", "/admin/login"]),
    )
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def send(form, genuine, path):
        path = fuzzed.open_task if path == "open task" else path
        data = {**form, **mark} if genuine and path != "/withdraw" else form
        response = client.post(path, data=data)
        assert response.status_code < 500, (path, data, response.text)

    send()


@given(raw=st.binary(max_size=200), kind=st.sampled_from(["multipart/form-data; boundary=x", "application/json",
       "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""]))  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_raw_bodies_find_no_500(fuzzed, raw, kind):
    response = fuzzed.clients["annotator"].post(fuzzed.open_task, content=raw, headers={"content-type": kind})
    assert response.status_code < 500


@given(path=text)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_odd_addresses_find_no_500(fuzzed, path):
    for prefix in ("/join/", "/task/", "/media/", "/static/", "/admin/export/", "/start?PROLIFIC_PID=", "/"):
        response = fuzzed.clients["annotator"].get(prefix + quote(path))
        assert response.status_code < 500


def test_the_description_declares_what_is_answered(fuzzed):
    """Status codes are among those that the server's description names."""
    for path, operations in fuzzed.app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert {"200", "403", "404"} <= set(operation["responses"]), (method, path)
