import json
from dataclasses import replace

import pytest

from clearhead.core.errors import ArtifactError, SettingError
from clearhead.study.annotators import Crew
from clearhead.study.answers import Answer
from clearhead.study.exchange import read_jsonl, write_jsonl
from clearhead.study.project import EXPORTS, Project
from clearhead.study.rehearse import Rehearsal
from clearhead.study.store import Submission
from clearhead.study.synthetic import answers_of_crew
from clearhead.study.tasks import save_study


@pytest.fixture
def project(world, tmp_path):
    study = replace(world.simulate(classes=3, repeats=2), answers_per_task=5)
    save_study(study, tmp_path, world.exhibits.picture)
    return Project(tmp_path)


def work(store, secret):
    person = store.people.by_link(secret)
    task = store.queue.next(person)
    while task is not None:
        task = store.queue.submit(person, Submission(task, {"choice": "a", "confidence": 2}, f"{task}{person.name}"))
    return person


def test_served_and_imported_answers_are_analysed_together(world, project, tmp_path):
    study = world.simulate(classes=3, repeats=2)
    store = project.open()
    names = [work(store, secret).name for _, secret in store.people.invite(3)]
    write_jsonl(tmp_path / "x.jsonl", [Answer(t.id, "by-post", {"choice": "b", "confidence": 1}) for t in study.tasks])
    assert project.import_answers([tmp_path / "x.jsonl"], "jsonl") == 12
    finding = project.analyze()
    counts = dict(zip(*finding.tables["counts"].columns.values(), strict=True))
    assert counts["answers"] == 12 * 4
    store.people.withdraw(store.people.by_link("no") or next(_people(store, names[0])))
    answers, withdrawn = project.answers()
    assert withdrawn == [names[0]]
    assert names[0] not in {a.annotator for a in answers}
    store.close()


def _people(store, name):
    import sqlalchemy as sa

    from clearhead.study.store import Person
    from clearhead.study.store.schema import tables

    with store.database.read() as c:
        row = c.execute(sa.select(tables().people).where(tables().people.c.name == name)).mappings().one()
    yield Person(row["id"], row["name"], row["consent"], row["code"])


def test_withdrawal_reaches_files_that_were_exported_and_imported_again(project, tmp_path):
    store = project.open()
    (_, secret), (_, other) = store.people.invite(2)
    leaving, staying = work(store, secret), work(store, other)
    project.export("jsonl", tmp_path / "out.jsonl")
    project.import_answers([tmp_path / "out.jsonl"], "jsonl")
    store.people.withdraw(leaving)
    project.export("jsonl", tmp_path / "again.jsonl")
    assert {a.annotator for a in read_jsonl(tmp_path / "again.jsonl")} == {staying.name}
    imported = "".join(path.read_text() for path in (project.folder / "imported").iterdir())
    assert staying.name in imported
    assert leaving.name not in imported
    store.close()


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_is_written_and_tells_no_truth(project, tmp_path, kind):
    store = project.open()
    work(store, store.people.invite(1)[0][1])
    store.close()
    out = project.export(kind, tmp_path / "out")
    files = [p for p in ([out] if out.is_file() else out.rglob("*")) if p.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert not any(word in data for word in (b'"truths"', b'"correct"', b"dense", b"from_target"))


def test_tasks_that_were_answered_are_not_replaced(world, project):
    study, other = (replace(world.simulate(classes=3, repeats=2, seed=seed), answers_per_task=5) for seed in (0, 1))
    project.save(other, world.exhibits.picture)  # nobody has answered yet
    project.save(study, world.exhibits.picture)
    store = project.open()
    work(store, store.people.invite(1)[0][1])
    store.close()
    project.save(study, world.exhibits.picture)
    with pytest.raises(ArtifactError, match="answered other tasks"):
        project.save(other, world.exhibits.picture)
    assert len(project.answers()[0]) == 12


def test_rehearsal_is_marked_as_such(project):
    found, page = project.rehearse(Crew(size=12), Rehearsal(studies=3, monte_carlo=20))
    assert found.kind == "study_rehearsal"
    assert page.kind == "rehearsed_simulate"
    assert page.title.startswith("Rehearsal")
    assert "nobody was asked" in page.caveats[0]


def test_nothing_answered_is_said(project):
    with pytest.raises(ArtifactError, match="nobody has answered"):
        project.analyze()


def test_unknown_formats_are_refused(project, tmp_path):
    with pytest.raises(SettingError, match="no such format"):
        project.export("xls", tmp_path / "x")
    with pytest.raises(SettingError, match="no such format"):
        project.import_answers([], "xls")


def test_serve_announces_once_and_serves(project, monkeypatch):
    served, told = [], []
    monkeypatch.setattr("clearhead.study.server.app.run_server", lambda app, host, port: served.append((host, port)))
    project.serve(port=9001, invite=2, announce=told.append)
    assert served == [("127.0.0.1", 9001)]
    assert len(told[0]["links"]) == 2
    assert told[0]["admin_token"]
    project.serve(announce=told.append)
    assert told[1]["admin_token"] is None


def test_label_studio_answers_come_back(world, project, tmp_path):
    study = world.simulate(classes=3, repeats=2)
    write_jsonl(tmp_path / "x.jsonl", answers_of_crew(study, Crew(size=8)))
    project.import_answers([tmp_path / "x.jsonl"], "jsonl")
    before, _ = project.answers()
    project.export("label-studio-answers", tmp_path / "ls.json")
    assert json.loads((tmp_path / "ls.json").read_text())
    (project.folder / "imported" / "0001-jsonl.jsonl").unlink()
    assert project.import_answers([tmp_path / "ls.json"], "label-studio") == len(before)
    assert project.answers()[0] == before
