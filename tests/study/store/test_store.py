import threading
import time
import traceback
from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa

from clearhead.core.errors import ArtifactError, DataError, SettingError, StorageError
from clearhead.study.store import Database, Submission, open_store
from clearhead.study.store.people import digest
from clearhead.study.store.schema import tables

VALUES = {"choice": "a", "confidence": 2}


@pytest.fixture
def study(world):
    return replace(world.simulate(classes=2, repeats=1), answers_per_task=2)  # 4 tasks × 2 answers


@pytest.fixture
def store(study, database_url):
    store = open_store(database_url, study)
    yield store
    store.close()


def person(store):
    ((_, secret),) = store.people.invite(1)
    return store.people.by_link(secret)


def answer(store, who, task, values=VALUES, token="x"):
    return store.queue.submit(who, Submission(task, values, f"{task}-{token}"))


def work(store, who):
    task, done = store.queue.next(who), []
    while task is not None:
        done.append(task)
        task = answer(store, who, task)
    return done


def check(store, study):
    """Counters agree with rows, and nothing is lost, double or orphaned."""
    t = tables()
    answers = store.results.answers()
    assert len({(a.task, a.annotator) for a in answers}) == len(answers)
    counted = Counter(a.task for a in answers if not a.surplus)
    assert all(n <= study.answers_per_task for n in counted.values())
    with store.database.read() as c:
        leases = Counter(
            c.execute(sa.select(t.assignments.c.task_id).where(t.assignments.c.state == "leased")).scalars()
        )
        for row in c.execute(sa.select(t.tasks)).mappings():
            assert row["answered"] == counted[row["id"]]
            assert row["load"] == counted[row["id"]] + leases[row["id"]]


def test_every_task_gets_its_answers_and_nobody_one_twice(store, study):
    people = [person(store) for _ in range(3)]
    done = [work(store, who) for who in people]
    assert [len(d) for d in done] == [4, 4, 0]
    assert all(len(set(d)) == len(d) for d in done)
    assert store.results.progress().tasks_done == 4
    check(store, study)


def test_an_open_task_is_resumed(store):
    who = person(store)
    task = store.queue.next(who)
    assert store.queue.next(who) == task
    assert store.queue.holds(who, task).values == {}
    assert store.queue.holds(who, "t99999") is None
    assert store.queue.holds(person(store), task) is None


def test_two_people_start_on_different_tasks(store):
    assert store.queue.next(person(store)) != store.queue.next(person(store))


def test_a_form_sent_twice_is_stored_once_and_a_correction_replaces_it(store, study):
    who = person(store)
    task = store.queue.next(who)
    first = answer(store, who, task)
    assert answer(store, who, task) == first
    answer(store, who, task, {"choice": "b", "confidence": 1}, token="y")
    assert [(a.task, a.values["choice"]) for a in store.results.answers()] == [(task, "b")]
    assert store.queue.given(who)[0].values == {"choice": "b", "confidence": 1}
    check(store, study)


def test_a_task_that_was_not_given_is_refused(store):
    with pytest.raises(DataError, match="not yours"):
        answer(store, person(store), "t00001")


def test_an_expired_lease_opens_the_task_and_a_late_answer_counts_if_needed(store, study):
    first, second, third = (person(store) for _ in range(3))
    task = store.queue.next(first)
    assert store.queue.free_expired(time.time() + 3600) == 1
    check(store, study)
    assert answer(store, first, task) is not None
    assert not store.results.answers()[0].surplus
    for who in (second, third):
        work(store, who)
    check(store, study)


def test_a_late_answer_to_a_full_task_is_surplus(store, study):
    late, *others = (person(store) for _ in range(3))
    task = store.queue.next(late)
    store.queue.free_expired(time.time() + 3600)
    for who in others:
        work(store, who)
    answer(store, late, task)
    mine = [a for a in store.results.answers() if a.annotator == late.name]
    assert [a.surplus for a in mine] == [True]
    check(store, study)


def test_an_expired_lease_is_taken_up_again_by_its_owner(store, study):
    who = person(store)
    task = store.queue.next(who)
    store.queue.free_expired(time.time() + 3600)
    assert store.queue.next(who) == task
    check(store, study)


def test_withdrawal_deletes_everything_and_opens_the_tasks(store, study):
    first, second, third = (person(store) for _ in range(3))
    token = store.people.open_session(first)
    work(store, first)
    work(store, second)
    store.people.withdraw(first)
    assert {a.annotator for a in store.results.answers()} == {second.name}
    assert store.people.by_session(token) is None
    assert store.results.withdrawn() == [first.name]
    check(store, study)
    assert len(work(store, third)) == 4
    check(store, study)


def test_a_surplus_answer_takes_the_place_of_a_withdrawn_one(store, study):
    late, first, second = (person(store) for _ in range(3))
    task = store.queue.next(late)
    store.queue.free_expired(time.time() + 3600)
    work(store, first)
    work(store, second)
    answer(store, late, task)
    store.people.withdraw(first)
    assert not next(a for a in store.results.answers() if a.annotator == late.name and a.task == task).surplus
    check(store, study)


def test_secrets_are_stored_as_hashes(store):
    ((_, secret),) = store.people.invite(1)
    who = store.people.by_link(secret)
    token = store.people.open_session(who)
    assert store.people.by_session(token) == who
    assert store.people.by_session("wrong") is None
    assert store.people.by_link("wrong") is None
    with store.database.read() as c:
        everything = str(c.execute(sa.select(tables().people)).all() + c.execute(sa.select(tables().sessions)).all())
    assert secret not in everything
    assert token not in everything
    assert digest(token) in everything


def test_a_platform_sends_each_person_once(store):
    assert store.people.by_platform("abc") == store.people.by_platform("abc")
    assert store.people.by_platform("abc") != store.people.by_platform("def")


def test_the_completion_code_stays_the_same(store):
    who = store.people.by_platform("abc")
    code = store.people.finish(who)
    assert store.people.finish(who, "OTHER") == code
    assert store.results.platform_codes() == [("abc", code)]
    assert store.people.finish(person(store), "FIXED") == "FIXED"


def test_quota_limits_a_person(study, tmp_path):
    store = open_store(tmp_path / "s.sqlite", study, quota=2)
    assert len(work(store, person(store))) == 2
    store.close()


def test_repeats_come_after_their_original(study, tmp_path):
    names = [t.id for t in study.tasks]
    repeated = replace(study, settings={"repeats_of": {names[0]: names[3]}})
    store = open_store(tmp_path / "s.sqlite", repeated)
    done = work(store, person(store))
    assert done.index(names[0]) > done.index(names[3])
    store.close()


def test_many_at_once_lose_nothing(store, study):
    people = [person(store) for _ in range(8)]
    errors = []

    def run(who):
        try:
            work(store, who)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(who,)) for who in people]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert errors == []
    work(store, person(store))  # takes what concurrent leases may have left
    assert store.results.progress().tasks_done == 4
    check(store, study)


def test_a_store_survives_reopening_and_refuses_another_study(world, study, database_url):
    store = open_store(database_url, study)
    who = person(store)
    work(store, who)
    store.close()
    store = open_store(database_url, study)
    assert len(store.results.answers()) == 4
    store.close()
    again = replace(world.simulate(classes=2, repeats=1, seed=1), answers_per_task=2)  # names as before, other tasks
    assert {t.id for t in again.tasks} == {t.id for t in study.tasks}
    for other in (world.simulate(), again):
        with pytest.raises(DataError, match="another study"):
            open_store(database_url, other)


def test_tasks_that_nobody_answered_are_replaced(world, study, database_url):
    store = open_store(database_url, study)
    who = person(store)
    store.queue.next(who)
    store.close()
    other = world.simulate(classes=3, repeats=1)
    store = open_store(database_url, other)
    assert store.results.progress().tasks == len(other.tasks)
    assert set(work(store, who)) == {t.id for t in other.tasks}
    check(store, other)
    store.close()


def test_answers_from_before_there_were_keys_are_kept(study, database_url):
    store = open_store(database_url, study)
    work(store, person(store))
    with store.database.write() as c:
        c.execute(sa.text("DROP TABLE studies"))
        c.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    store.close()
    store = open_store(database_url, study)
    assert len(store.results.answers()) == 4
    store.close()


def test_migrations_make_the_schema_that_the_code_uses(database_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(database_url)
    database.migrate()
    database.migrate()
    with database.read() as c:
        assert compare_metadata(MigrationContext.configure(c), tables().metadata) == []
    database.close()


def test_a_newer_database_is_refused(database_url):
    database = Database(database_url)
    database.migrate()
    with database.write() as c:
        c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ArtifactError, match="newer version"):
        database.migrate()
    database.close()


def test_sqlite_is_durable_and_writes_begin_immediately(tmp_path):
    database = Database(tmp_path / "s.sqlite")
    with database.read() as c:
        assert c.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert c.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert c.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    seen = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    with database.write():
        pass
    assert seen == ["BEGIN IMMEDIATE"]
    database.close()


def test_an_error_tells_no_answer_and_no_secret(store):
    who, words, mark = person(store), "-".join(["what", "I", "said"]), "-".join(["form", "mark"])
    task = store.queue.next(who)
    with store.database.write() as c:
        c.execute(sa.text("DROP TABLE answers"))
    with pytest.raises((StorageError, sa.exc.ProgrammingError)) as caught:
        answer(store, who, task, {"choice": words}, token=mark)
    told = "".join(traceback.format_exception(caught.value))
    assert "SQL parameters hidden" in told
    assert words not in told
    assert mark not in told


def test_postgres_is_known_by_both_names():
    pytest.importorskip("psycopg")
    for url in ("postgres://u@127.0.0.1:1/x", "postgresql://u@127.0.0.1:1/x"):
        database = Database(url)
        assert database.engine.dialect.driver == "psycopg"
        database.close()


def test_other_databases_are_refused():
    with pytest.raises(SettingError, match="SQLite or PostgreSQL"):
        Database("mysql://x")
