import json
import re
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.errors import ArtifactError, DataError
from clearhead.study.annotators import Crew
from clearhead.study.answers import Answer
from clearhead.study.exchange import (
    answers_csv,
    answers_jsonl,
    mturk_results,
    read_bundle,
    read_jsonl,
    read_label_studio,
    read_mturk,
    read_parquet,
    with_annotations,
    write_bundle,
    write_jsonl,
    write_label_studio,
    write_mturk,
    write_parquet,
)
from clearhead.study.exchange.tables import csv_text
from clearhead.study.synthetic import answers_of_crew
from clearhead.study.tasks import media_files, save_study, study_key

KINDS = ["simulate", "spurious", "misclassification"]
WHAT = ["exhibits", "texts"]


@pytest.fixture(params=[(kind, what) for kind in KINDS for what in WHAT], ids="-".join)
def case(request, world, tmp_path):
    """A saved study of each kind, in pictures and in words, with answers of a crew."""
    kind, what = request.param
    exhibits = getattr(world, what)
    study = world.build(kind, exhibits=exhibits)
    folder = tmp_path / "study"
    save_study(study, folder, exhibits.picture)
    answers = sorted(answers_of_crew(study, Crew(size=8)), key=lambda a: (a.task, a.annotator))
    return study, folder, answers, tmp_path / "out"


def tells(text):
    return [w for w in ("dense", "sparse", '"correct"', "truths", "row/", "feature/", "f_l", "f_p") if w in text]


def test_bundle_round_trip(case):
    study, folder, answers, out = case
    write_bundle(study, folder, out, people=8)
    people = {a.annotator for a in answers}
    for person in people:
        rows = [{"task": a.task, "values": dict(a.values)} for a in answers if a.annotator == person]
        saved = {"study": study_key(study), "annotator": person, "answers": rows}
        (out / f"answers-{person}.json").write_text(json.dumps(saved))
    assert read_bundle(study, *sorted(out.glob("answers-*.json"))) == answers


def test_bundle_holds_pages_and_pictures_and_no_truth(case):
    study, folder, _, out = case
    write_bundle(study, folder, out, people=7)
    text = (out / "tasks.js").read_text()
    data = json.loads(text.removeprefix("window.STUDY = ").removesuffix(";\n"))
    assert tells(text) == []
    assert not (out / "key.json").exists()
    assert set(data["pages"]) == {t.id for t in study.tasks}
    lists = data["lists"]
    assert all(len(set(x)) == len(x) for x in lists)
    assert sorted(t for x in lists for t in x) == sorted(t.id for t in study.tasks for _ in range(5))
    assert max(map(len, lists)) - min(map(len, lists)) <= 1
    for page in data["pages"].values():
        assert all((out / source).exists() for source in re.findall(r'src="([^"]+)"', page))


def test_bundle_answers_of_another_study_are_refused(case, tmp_path):
    study, *_ = case
    path = tmp_path / "x.json"
    path.write_text('{"study": "other", "answers": []}')
    with pytest.raises(DataError, match="another study"):
        read_bundle(study, path)
    path.write_text(json.dumps({"study": study_key(study), "answers": [{"task": "t9", "values": {}}]}))
    with pytest.raises(DataError, match="does not exist"):
        read_bundle(study, path)
    path.write_text("{")
    with pytest.raises(ArtifactError):
        read_bundle(study, path)


TASK_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "object", "required": ["task_id"], "additionalProperties": {"type": "string"}},
            "annotations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["result", "was_cancelled", "completed_by"],
                    "properties": {
                        "result": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["from_name", "to_name", "type", "value"],
                                "properties": {
                                    "type": {"enum": ["choices", "textarea"]},
                                    "value": {
                                        "type": "object",
                                        "minProperties": 1,
                                        "additionalProperties": {"type": "array", "items": {"type": "string"}},
                                    },
                                },
                            },
                        }
                    },
                },
            },
        },
    },
}


def test_label_studio_round_trip_and_schema(case):
    study, folder, answers, out = case
    write_label_studio(study, folder, out)
    urls = {name: f"media/{path.name}" for name, path in media_files(folder).items()}
    exported = with_annotations(study, answers, urls)
    jsonschema_rs.validate(TASK_SCHEMA, exported)
    (out / "export.json").write_text(json.dumps(exported))
    assert read_label_studio(study, out / "export.json") == answers


NAMED = {"type": "object", "required": ["@name", "@value"]}
CONTROL = {"type": "object", "required": ["@name", "@toName"]}
CONFIG_SCHEMA = {  # what Label Studio's own schema of a labelling page asks of the tags used here
    "type": "object",
    "required": ["View"],
    "properties": {
        "View": {
            "type": "object",
            "properties": {
                "Image": {"type": "array", "items": NAMED},
                "Text": {"type": "array", "items": NAMED},
                "TextArea": {"type": "array", "items": CONTROL},
                "Choices": {
                    "type": "array",
                    "items": {
                        **CONTROL,
                        "required": ["@name", "@toName", "Choice"],
                        "properties": {
                            "Choice": {
                                "type": "array",
                                "minItems": 2,
                                "items": {"type": "object", "required": ["@value"]},
                            }
                        },
                    },
                },
            },
        }
    },
}


def as_json(element):
    """An element as Label Studio reads it: attributes as @name, children in lists by tag."""
    found = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        found.setdefault(child.tag, []).append(as_json(child))
    return found


def test_label_studio_config_follows_the_documented_rules(case):
    """labelstud.io/tags: objects have name and $value in the data; controls have name and toName of an object."""
    study, folder, answers, out = case
    for path in write_label_studio(study, folder, out):
        rows = json.loads(path.read_text())
        jsonschema_rs.validate(TASK_SCHEMA, rows)
        config = path.with_name(path.name.replace("tasks", "config")).with_suffix(".xml").read_text()
        assert tells(config + path.read_text()) == []
        view = ET.fromstring(config)
        jsonschema_rs.validate(CONFIG_SCHEMA, {view.tag: as_json(view)})
        objects = {x.get("name"): x.get("value") for x in view if x.tag in ("Image", "Text")}
        names = [x.get("name") for x in view if x.get("name")]
        assert len(names) == len(set(names))
        for row in rows:
            assert {value.removeprefix("$") for value in objects.values()} == set(row["data"]) - {"task_id"}
        controls = [x for x in view if x.tag in ("Choices", "TextArea")]
        assert all(x.get("toName") in objects for x in controls)
        options = {x.get("name"): {c.get("value") for c in x} for x in controls if x.tag == "Choices"}
        assert all(len(values) >= 2 for values in options.values())
        for a in answers:
            for name, values in options.items():
                said = a.values.get(name, [])
                assert {str(v) for v in (said if isinstance(said, list) else [said])} <= values


def test_label_studio_ids_and_cancelled(case, tmp_path):
    study, *_ = case
    row = {"data": {"task_id": study.tasks[0].id}, "annotations": [{"completed_by": 7, "was_cancelled": True}]}
    (tmp_path / "e.json").write_text(json.dumps([row]))
    assert read_label_studio(study, tmp_path / "e.json") == [Answer(study.tasks[0].id, "ls7", {})]
    (tmp_path / "e.json").write_text("{}")
    with pytest.raises(DataError, match="JSON export"):
        read_label_studio(study, tmp_path / "e.json")


def test_mturk_round_trip(case):
    study, folder, answers, out = case
    write_mturk(study, folder, out)
    (out / "results.csv").write_text(mturk_results(answers, study.kind), newline="")
    found = read_mturk(study, out / "results.csv", pseudonyms=False)
    assert sorted(found, key=lambda a: (a.task, a.annotator)) == answers
    hidden = read_mturk(study, out / "results.csv")
    assert not {a.annotator for a in hidden} & {a.annotator for a in answers}
    assert len({a.annotator for a in hidden}) == len({a.annotator for a in answers})


def test_mturk_template_has_a_column_for_every_variable(case):
    import csv

    study, folder, _, out = case
    total = 0
    for path in write_mturk(study, folder, out):
        template = path.with_name(path.name.replace("input", "template")).with_suffix(".html").read_text()
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        total += len(rows)
        variables = set(re.findall(r"\$\{(\w+)\}", template))
        assert variables == set(rows[0])
        assert "<form" not in template
        assert "<input" in template
        assert "{{" not in template
        assert tells(template + str(rows)) == []
    assert total == len(study.tasks)


def test_mturk_boxes_as_columns_and_rejected_work(world, tmp_path):
    study = world.misclassification()
    name = study.tasks[0].id
    path = tmp_path / "r.csv"
    path.write_text(
        "WorkerId,AssignmentStatus,Input.task_id,Answer.matches.a,Answer.matches.b,Answer.best,Answer.confidence\n"
        f"W1,Approved,{name},true,true,b,2\nW2,Rejected,{name},true,false,,2\nW3,Submitted,{name},false,false,,\n"
    )
    found = read_mturk(study, path, pseudonyms=False)
    assert found == [
        Answer(name, "W1", {"matches": ["a", "b"], "best": "b", "confidence": 2}),
        Answer(name, "W3", {}),
    ]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="results file"):
        read_mturk(study, path)


def test_jsonl_and_parquet_round_trip(case, tmp_path):
    _, _, answers, _ = case
    write_jsonl(tmp_path / "a.jsonl", answers)
    assert read_jsonl(tmp_path / "a.jsonl") == answers
    write_parquet(tmp_path / "a.parquet", answers)
    assert read_parquet(tmp_path / "a.parquet") == answers


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(answers_jsonl([Answer("t", "p", {})]) + "{nonsense\n")
    with pytest.raises(DataError, match="line 2"):
        read_jsonl(path)


@given(st.text(max_size=30))
def test_no_cell_is_a_formula(text):
    import csv
    import io

    cell = list(csv.reader(io.StringIO(csv_text(["x"], [{"x": text}]), newline="")))[1][0]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'")


def test_csv_has_a_column_a_field():
    text = answers_csv([Answer("t", "p", {"pattern": "yes", "confidence": 1, "description": "=1+1"})], "spurious")
    assert "'=1+1" in text


def test_the_servers_export_equals_what_a_bundle_brings_back(world, tmp_path):
    """The same answers, once through the server's store and once through a bundle, are the same file."""
    from clearhead.study.store import Submission, open_store

    study = world.simulate()
    save_study(study, tmp_path, world.exhibits.picture)
    store = open_store(tmp_path / "s.sqlite", study)
    rows = {}
    for _, secret in store.people.invite(3):
        person = store.people.by_link(secret)
        task = store.queue.next(person)
        while task is not None:
            values = {"choice": "c", "confidence": 1}
            rows.setdefault(person.name, []).append({"task": task, "values": values})
            task = store.queue.submit(person, Submission(task, values, f"{task}{person.name}"))
    for name, done in rows.items():
        saved = {"study": study_key(study), "annotator": name, "answers": done}
        (tmp_path / f"{name}.json").write_text(json.dumps(saved))
    imported = read_bundle(study, *(tmp_path / f"{name}.json" for name in rows))
    assert answers_jsonl(imported) == answers_jsonl(store.results.answers())
    assert len(imported) == 3 * len(study.tasks)
    store.close()


def test_ranks_travel_where_numbers_would_tell_the_arm(world, tmp_path):
    study = world.simulate(importances="ranks")
    save_study(study, tmp_path, world.exhibits.picture)
    write_mturk(study, tmp_path, tmp_path / "mturk", media_url="https://x")
    write_label_studio(study, tmp_path, tmp_path / "ls", media_url="https://x")
    write_bundle(study, tmp_path, tmp_path / "bundle", consent="")
    for form in ("mturk", "ls", "bundle"):
        text = "".join(
            p.read_text() for p in (tmp_path / form).rglob("*") if p.suffix in (".csv", ".html", ".json", ".js")
        )
        assert "Importance: 1 of" in text
        assert "_importance" not in text
        assert "sum to 100" not in text
