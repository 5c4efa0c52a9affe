import json
import logging
import re
import subprocess
import sys

import pytest

from clearhead.study.server import make_secrets
from clearhead.study.settings import ServerSettings
from clearhead.study.tasks import load_key

from .conftest import BASE, FILLED, Served, hidden, send


def test_a_whole_visit(served):
    client = served.visitor()
    page = client.get("/task")
    for _ in range(4):
        assert "Best match" in page.text
        page = send(client, page)
    assert page.url.path == "/done"
    code = re.search(r"<code>(\w+)</code>", page.text)[1]
    assert served.store.results.answers()[0].values == {"choice": "b", "confidence": 2}
    assert len(served.store.results.answers()) == 4
    assert client.get("/done").text.count(code) == 1


@pytest.mark.parametrize("kind", ["simulate", "spurious", "misclassification"])
@pytest.mark.parametrize("what", ["exhibits", "texts"])
def test_each_kind_is_served_and_answered(world, tmp_path, kind, what):
    served = Served(world, tmp_path, kind, exhibits=getattr(world, what))
    client = served.visitor()
    page = client.get("/task")
    assert page.status_code == 200
    for media in re.findall(r'src="(/media/\w+)"', page.text):
        assert client.get(media).headers["content-type"] == "image/png"
    after = send(client, page, kind)
    assert after.url.path != page.url.path
    assert served.store.results.answers()[0].values["confidence"] == int(FILLED[kind]["confidence"])
    served.close()


def test_the_client_never_learns_arm_or_truth(served):
    client = served.visitor()
    truths = load_key(served.folder).truths
    page = client.get("/task")
    pages = [page.text]
    for _ in range(4):
        page = send(client, page)
        pages.append(page.text)
    for word in ("dense", "sparse", "correct", "class 0", "class 1", "row/", "feature/"):
        assert not any(word in re.sub(r'class="[^"]*"', "", text) for text in pages)
    assert len(truths) == 4


def test_blank_must_be_said(served):
    client = served.visitor()
    page = client.get("/task")
    refused = send(client, page, choice=None)
    assert refused.status_code == 422
    assert "nothing is selected" in refused.text
    assert served.store.results.answers() == []
    send(client, page, choice=None, action="blank")
    assert served.store.results.answers()[0].values == {}


def test_confidence_is_asked_for_and_the_choice_is_kept(served):
    client = served.visitor()
    refused = send(client, client.get("/task"), confidence=None)
    assert refused.status_code == 422
    assert "how confident" in refused.text
    assert re.search(r'value="b" checked', refused.text)


def test_a_lost_reply_is_retried_without_a_second_answer(served):
    client = served.visitor()
    page = client.get("/task")
    assert send(client, page).url == send(client, page).url
    assert len(served.store.results.answers()) == 1


def test_back_and_correct(served):
    client = served.visitor()
    first = client.get("/task")
    send(client, first)
    listing = client.get("/answers")
    assert first.url.path in listing.text
    again = client.get(first.url.path)
    assert re.search(r'value="b" checked', again.text)
    send(client, again, choice="c")
    assert [a.values["choice"] for a in served.store.results.answers()] == ["c"]


def test_resume_on_another_device(served):
    ((_, secret),) = served.store.people.invite(1)
    phone, desk = served.client(), served.client()
    page = phone.get(f"/join/{secret}")
    page = phone.post("/consent", data=hidden(page.text))
    assert desk.get(f"/join/{secret}").url.path == page.url.path


def test_the_secret_leaves_the_address_bar_and_is_never_logged_or_referred(served, caplog):
    ((_, secret),) = served.store.people.invite(1)
    with caplog.at_level(logging.DEBUG):
        client = served.client()
        response = client.get(f"/join/{secret}", follow_redirects=False)
        page = client.get(response.headers["location"])
    own = [r.getMessage() for r in caplog.records if r.name.startswith("clearhead")]
    assert any("/join/{secret}" in m for m in own)
    assert not any(secret in m for m in own)
    assert secret not in page.text
    assert secret not in response.headers["set-cookie"]
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "HttpOnly" in response.headers["set-cookie"]


def test_headers_are_strict(served):
    response = served.client().get("/")
    assert response.status_code == 403
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    page = served.visitor().get("/task").text
    assert "style=" not in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["/consent", "/withdraw", "/task/t00001"])
def test_forged_forms_are_refused(served, path):
    client = served.visitor()
    client.get("/task")
    assert client.post(path, data={"csrf": "0" * 64}).status_code == 403
    assert client.post(path, data={}).status_code == 403
    mark = hidden(client.get("/withdraw").text)["csrf"]
    other = served.visitor()
    assert other.post(path, data={"csrf": mark}).status_code == 403
    cross = client.post(path, data={"csrf": mark}, headers={"sec-fetch-site": "cross-site"})
    assert cross.status_code == 403
    assert served.store.results.progress().withdrawn == 0


def test_without_consent_nothing_is_shown(served):
    client = served.visitor(consent=False)
    assert "nothing has been recorded" in client.get("/consent").text
    assert client.get("/task").url.path == "/consent"
    assert client.get("/answers").url.path == "/consent"


def test_a_changed_consent_text_is_asked_again(world, served, tmp_path):
    client = served.visitor()
    changed = ServerSettings(consent="Another text.", rate=1e6, burst=10**6)
    from clearhead.study.server import create_app

    client.app = client._transport.app = create_app(served.folder, served.store, served.secrets, changed)
    assert client.get("/task").url.path == "/consent"


def test_somebody_elses_task_is_not_shown_or_taken(served):
    client, other = served.visitor(), served.visitor()
    page, elsewhere = client.get("/task"), other.get("/task")
    assert page.url.path != elsewhere.url.path
    assert client.get(elsewhere.url.path).status_code == 404
    data = {**hidden(page.text), "action": "save", **FILLED["simulate"]}
    assert client.post(elsewhere.url.path, data=data).status_code == 404
    assert served.store.results.answers() == []


@pytest.mark.parametrize(
    "path",
    [
        "/media/../key.json",
        "/media/%2e%2e%2fkey.json",
        "/media/m00001.png",
        "/static/../settings.py",
        "/media/key.json",
    ],
)
def test_no_path_leads_out(served, path):
    response = served.visitor().get(path)
    assert response.status_code == 404
    assert "truths" not in response.text


def test_pictures_are_for_annotators(served):
    assert served.client().get("/media/m00001").status_code == 404
    assert served.visitor().get("/media/m00001").status_code == 200


def test_withdrawal_deletes_and_ends_the_session(served):
    client = served.visitor()
    send(client, client.get("/task"))
    page = client.get("/withdraw")
    assert "deleted" in client.post("/withdraw", data=hidden(page.text)).text
    assert served.store.results.answers() == []
    assert client.get("/task").status_code == 403
    assert len(served.store.results.withdrawn()) == 1


def test_timing_is_recorded_only_if_the_consent_says_so(world, tmp_path):
    for timing in (False, True):
        settings = ServerSettings(timing=timing, rate=1e6, burst=10**6)
        served = Served(world, tmp_path / str(timing), settings=settings, classes=2, repeats=1)
        client = served.visitor()
        send(client, client.get("/task"), seconds="12.5", blurs="2")
        answer = served.store.results.answers()[0]
        assert (answer.seconds, answer.blurs) == ((12.5, 2) if timing else (None, None))
        assert ("is recorded" in settings.consent_text) == timing
        served.close()


def test_platform_links_and_codes(world, tmp_path):
    settings = ServerSettings(
        platform=True, completion_code="DONE1", completion_url="https://app.prolific.com/submissions/complete?cc={code}",
        quota=1, rate=1e6, burst=10**6,
    )  # fmt: skip
    served = Served(world, tmp_path, settings=settings, classes=2, repeats=1)
    client = served.client()
    page = client.get("/start?PROLIFIC_PID=5f8a&STUDY_ID=1&SESSION_ID=2")
    assert "nothing but the participant number" in page.text
    page = client.post("/consent", data=hidden(page.text))
    page = send(client, page)
    assert "DONE1" in page.text
    assert "complete?cc=DONE1" in page.text
    assert served.store.results.platform_codes() == [("5f8a", "DONE1")]
    assert client.get("/start?PROLIFIC_PID=a%00b").status_code == 404
    assert client.get("/start").status_code == 404
    served.close()


def test_platform_links_are_off_by_default(served):
    assert served.client().get("/start?PROLIFIC_PID=abc").status_code == 404


def test_no_code_without_an_answer(served):
    for _ in range(2):
        client = served.visitor()
        page = client.get("/task")
        while page.url.path != "/done":
            page = send(client, page)
    late = served.visitor()
    page = late.get("/task")
    assert "<code>" not in page.text
    assert "come back later" in page.text


def test_the_content_warning_is_shown(world, tmp_path):
    from dataclasses import replace

    from clearhead.study.tasks import save_study

    served = Served(world, tmp_path, classes=2, repeats=1)
    save_study(replace(served.study, content_warning="Some texts are offensive."), tmp_path, world.exhibits.picture)
    from clearhead.study.server import create_app

    served.app = create_app(tmp_path, served.store, served.secrets, served.settings)
    client = served.visitor(consent=False)
    assert "Some texts are offensive." in client.get("/consent").text
    served.close()


def admin(served):
    client = served.client()
    client.post("/admin/login", data={"token": served.admin_token})
    return client


def test_admin_is_behind_its_token(served):
    client = served.client()
    assert client.get("/admin").url.path == "/admin/login"
    assert client.get("/admin/export/answers.jsonl").url.path == "/admin/login"
    assert client.post("/admin/login", data={"token": "wrong"}).status_code == 403
    assert served.visitor().get("/admin").url.path == "/admin/login"
    assert admin(served).get("/admin").url.path == "/admin"
    assert admin(served).get("/task").status_code == 403
    stored = (served.folder / "server.json").read_text()
    assert served.admin_token not in stored
    assert (served.folder / "server.json").stat().st_mode & 0o077 == 0
    assert make_secrets(served.folder) == (served.secrets, None)


def test_admin_sees_progress_and_exports(served):
    client = served.visitor()
    send(client, client.get("/task"))
    boss = admin(served)
    assert "answers wanted" in boss.get("/admin").text
    lines = boss.get("/admin/export/answers.jsonl").text.splitlines()
    assert json.loads(lines[0])["values"] == {"choice": "b", "confidence": 2}
    assert boss.get("/admin/export/answers.csv").text.startswith("task,annotator,surplus,choice,confidence")
    assert boss.get("/admin/export/withdrawn.json").json() == []
    assert boss.get("/admin/export/key.json").status_code == 404


def test_admin_invites_and_leaves(served):
    boss = admin(served)
    page = boss.post("/admin/invite", data={**hidden(boss.get("/admin").text), "count": "2"})
    links = re.findall(r"<code>(http://127.0.0.1:8000/join/[\w-]+)</code>", page.text)
    assert len(links) == 2
    assert served.client().get(links[0].removeprefix(BASE)).url.path == "/consent"
    assert not any(link.rsplit("/", 1)[1] in boss.get("/admin").text for link in links)  # shown once
    assert boss.post("/admin/invite", data={"count": "2"}).status_code == 403
    mark = hidden(boss.get("/admin").text)
    assert boss.post("/admin/invite", data={**mark, "count": "0"}).status_code == 422
    boss.post("/admin/logout", data=mark)
    assert boss.get("/admin").url.path == "/admin/login"


def test_large_requests_are_refused(served):
    client = served.visitor()
    assert client.post("/consent", content=b"x" * 70_000).status_code == 413

    def chunks():
        for _ in range(20):
            yield b"x" * 5_000

    assert client.post("/consent", content=chunks()).status_code == 413


def test_too_many_requests_are_refused(world, tmp_path):
    settings = ServerSettings(rate=0.001, burst=4, address_rate=0.001, address_burst=20)
    served = Served(world, tmp_path, settings=settings, classes=2, repeats=1)
    client = served.visitor(consent=False)  # one address; the first request with the cookie is the page of consent
    codes = [client.get("/consent").status_code for _ in range(5)]
    assert codes == [200, 200, 429, 429, 429]
    newcomers = [served.client().get("/admin/login").status_code for _ in range(20)]
    assert newcomers[:5] == [200] * 5  # one session's haste is not another person's
    assert newcomers[-5:] == [429] * 5
    served.close()


def test_the_server_starts_without_torch():
    code = "import sys, clearhead.study.project, clearhead.study.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_strange_hosts_are_refused(served):
    assert served.client().get("/", headers={"host": "evil.example"}).status_code == 400


def test_unknown_pages_say_so(served):
    response = served.client().get("/nowhere")
    assert response.status_code == 404
    assert "does not exist" in response.text
    assert served.client().get("/docs").status_code == 404
    assert served.client().get("/openapi.json").status_code == 404
    assert served.client().get("/healthz").json() == {"status": "ok"}
