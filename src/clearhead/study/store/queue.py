"""Who answers what: leases, so that every task gets its answers and nobody gets one twice; answers stored once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clearhead.core.errors import DataError
from clearhead.study.store.database import Database
from clearhead.study.store.people import Person
from clearhead.study.store.schema import tables
from clearhead.study.store.statements import statements

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Given", "Queue", "Submission"]

SWEEP_SECONDS = 5.0
SWEEP_ROWS = 500


@dataclass(frozen=True)
class Submission:
    """One POST of a form: ``token`` is the form's own random mark, so that a retry is recognised."""

    task: str
    values: Mapping[str, Any]
    token: str
    seconds: float | None = None
    blurs: int | None = None


@dataclass(frozen=True)
class Given:
    """What somebody answered earlier, for the form to show again."""

    task: str
    values: Mapping[str, Any]


class Queue:
    """Hands out tasks and takes answers.

    Parameters
    ----------
    lease_seconds : how long a task is held for the person who opened it. A late answer still counts while its task
        needs one, and is kept as surplus when it does not.
    quota : most tasks one person may answer; None for all.
    """

    def __init__(self, database: Database, *, lease_seconds: float = 1800.0, quota: int | None = None) -> None:
        self.database, self.lease_seconds, self.quota = database, lease_seconds, quota
        self._swept = 0.0

    def fill(self, key: str, tasks: Sequence[tuple[str, int, str | None]]) -> None:
        """Enter the study's tasks (id, answers wanted, repeat of), once.

        ``key`` tells these tasks from others of the same names; those of an earlier study that nobody answered are
        replaced. `DataError` if somebody did.
        """
        import sqlalchemy as sa

        t = tables()
        with self.database.write() as c:
            known = c.execute(sa.select(t.studies.c.key)).scalar()
            if known == key:
                return
            names = {row.id: row.wanted for row in c.execute(sa.select(t.tasks.c.id, t.tasks.c.wanted))}
            if known is None and names == {name: n for name, n, _ in tasks}:  # kept before there were keys
                c.execute(t.studies.insert().values(key=key))
                return
            if answered := c.execute(sa.select(sa.func.count()).select_from(t.answers)).scalar_one():
                raise DataError(
                    "this database holds the answers of another study",
                    got=f"{answered} answers to other tasks",
                    fix="give another --database, or restore the study's folder",
                )
            for table in (t.assignments, t.tasks, t.studies):
                c.execute(table.delete())
            rows = [
                {"id": name, "position": i, "wanted": n, "answered": 0, "load": 0, "repeat_of": repeat}
                for i, (name, n, repeat) in enumerate(tasks)
            ]
            c.execute(t.tasks.insert(), rows)
            c.execute(t.studies.insert().values(key=key))

    def next(self, person: Person) -> str | None:
        """The task this person should do now, leased to them; None when there is none left for them."""
        self._sweep()
        with self.database.write() as c:
            return self._lease(c, person)

    def holds(self, person: Person, task: str) -> Given | None:
        """What this person may see of a task: their answer to it (empty if not given yet); None if never theirs."""
        with self.database.read() as c:
            row = c.execute(statements().holds, {"task": task, "person": person.id}).first()
        return None if row is None else Given(task, row[1] or {})

    def given(self, person: Person) -> list[Given]:
        """Everything this person answered, oldest first."""
        import sqlalchemy as sa

        a = tables().answers
        with self.database.read() as c:
            rows = c.execute(sa.select(a.c.task_id, a.c["values"]).where(a.c.person_id == person.id).order_by(a.c.id))
            return [Given(task, values) for task, values in rows]

    def submit(self, person: Person, submission: Submission) -> str | None:
        """Store an answer, or correct the one given before; return the next task, leased in the same transaction.

        The same form sent twice is stored once.

        Raises
        ------
        DataError : the task was never given to this person.
        """
        self._sweep()
        with self.database.write() as c:
            mine = {"task": submission.task, "person": person.id}
            assignment = c.execute(statements().lock_assignment, mine).first()
            if assignment is None:
                raise DataError("this task is not yours")
            if assignment.state == "answered":
                self._correct(c, assignment.id, submission)
            else:
                self._store(c, person, assignment.id, assignment.state, submission)
            return self._lease(c, person)

    def _store(self, c: Connection, person: Person, assignment: int, state: str, submission: Submission) -> None:
        s = statements()
        task = c.execute(s.lock_counts, {"task": submission.task}).one()
        surplus = task.answered >= task.wanted
        answer = {
            "assignment_id": assignment,
            "task_id": submission.task,
            "person_id": person.id,
            "values": dict(submission.values),
            "surplus": surplus,
            "submission": submission.token,
            "corrections": 0,
            "seconds": submission.seconds,
            "blurs": submission.blurs,
        }
        c.execute(s.add_answer, answer)
        c.execute(s.close, {"assignment": assignment})
        counted = int(not surplus)
        change = counted - int(state == "leased")
        c.execute(s.count, {"task": submission.task, "counted": counted, "change": change})

    def _correct(self, c: Connection, assignment: int, submission: Submission) -> None:
        a = tables().answers
        c.execute(
            a.update()
            .where(a.c.assignment_id == assignment, a.c.submission != submission.token)
            .values(values=dict(submission.values), submission=submission.token, corrections=a.c.corrections + 1)
        )

    def _lease(self, c: Connection, person: Person) -> str | None:
        """The person's open task if there is one, else the least answered task that is new to them."""
        s, mine, until = statements(), {"person": person.id}, time.time() + self.lease_seconds
        c.execute(s.lock_person, mine)
        held = c.execute(s.held, mine).first()
        if held is not None:
            c.execute(s.renew, {"assignment": held.id, "until": until})
            if held.state == "expired":
                c.execute(s.count, {"task": held.task_id, "counted": 0, "change": 1})
            return str(held.task_id)
        if self.quota is not None and c.execute(s.done, mine).scalar_one() >= self.quota:
            return None
        task = c.execute(s.free, mine).scalar()
        if task is None:
            return None
        c.execute(s.add_lease, {"task_id": task, "person_id": person.id, "state": "leased", "expires": until})
        c.execute(s.count, {"task": task, "counted": 0, "change": 1})
        return str(task)

    def _sweep(self) -> None:
        """Free leases that ran out, at most every few seconds."""
        now = time.time()
        if now - self._swept >= min(SWEEP_SECONDS, self.lease_seconds):
            self._swept = now
            self.free_expired(now)

    def free_expired(self, now: float) -> int:
        """Mark leases that ended before ``now`` as expired and open their tasks again; how many there were."""
        import sqlalchemy as sa

        t = tables()
        with self.database.write() as c:
            late = c.execute(
                sa.select(t.assignments.c.id, t.assignments.c.task_id)
                .where(t.assignments.c.state == "leased", t.assignments.c.expires < now)
                .order_by(t.assignments.c.task_id)
                .limit(SWEEP_ROWS)
                .with_for_update(skip_locked=True)
            ).all()
            for row in late:
                c.execute(t.assignments.update().where(t.assignments.c.id == row.id).values(state="expired"))
                c.execute(t.tasks.update().where(t.tasks.c.id == row.task_id).values(load=t.tasks.c.load - 1))
        return len(late)
