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
        import sqlalchemy as sa

        t = tables()
        query = (
            sa.select(t.assignments.c.id, t.answers.c["values"])
            .select_from(t.assignments.outerjoin(t.answers, t.answers.c.assignment_id == t.assignments.c.id))
            .where(t.assignments.c.task_id == task, t.assignments.c.person_id == person.id)
        )
        with self.database.read() as c:
            row = c.execute(query).first()
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
        import sqlalchemy as sa

        t = tables()
        self._sweep()
        with self.database.write() as c:
            mine = (t.assignments.c.task_id == submission.task) & (t.assignments.c.person_id == person.id)
            assignment = c.execute(
                sa.select(t.assignments.c.id, t.assignments.c.state).where(mine).with_for_update()
            ).first()
            if assignment is None:
                raise DataError("this task is not yours")
            if assignment.state == "answered":
                self._correct(c, assignment.id, submission)
            else:
                self._store(c, person, assignment.id, assignment.state, submission)
            return self._lease(c, person)

    def _store(self, c: Connection, person: Person, assignment: int, state: str, submission: Submission) -> None:
        import sqlalchemy as sa

        t = tables()
        task = c.execute(
            sa.select(t.tasks.c.answered, t.tasks.c.wanted).where(t.tasks.c.id == submission.task).with_for_update()
        ).one()
        surplus = task.answered >= task.wanted
        c.execute(
            t.answers.insert().values(
                assignment_id=assignment,
                task_id=submission.task,
                person_id=person.id,
                values=dict(submission.values),
                surplus=surplus,
                submission=submission.token,
                corrections=0,
                seconds=submission.seconds,
                blurs=submission.blurs,
            )
        )
        c.execute(t.assignments.update().where(t.assignments.c.id == assignment).values(state="answered", expires=None))
        change = int(not surplus) - int(state == "leased")
        c.execute(
            t.tasks.update()
            .where(t.tasks.c.id == submission.task)
            .values(answered=t.tasks.c.answered + int(not surplus), load=t.tasks.c.load + change)
        )

    def _correct(self, c: Connection, assignment: int, submission: Submission) -> None:
        a = tables().answers
        c.execute(
            a.update()
            .where(a.c.assignment_id == assignment, a.c.submission != submission.token)
            .values(values=dict(submission.values), submission=submission.token, corrections=a.c.corrections + 1)
        )

    def _lease(self, c: Connection, person: Person) -> str | None:
        """The person's open task if there is one, else the least answered task that is new to them."""
        import sqlalchemy as sa

        t = tables()
        now = time.time()
        c.execute(sa.select(t.people.c.id).where(t.people.c.id == person.id).with_for_update())
        mine = t.assignments.c.person_id == person.id
        held = c.execute(
            sa.select(t.assignments.c.id, t.assignments.c.task_id, t.assignments.c.state)
            .join(t.tasks, t.tasks.c.id == t.assignments.c.task_id)
            .where(mine, t.assignments.c.state != "answered")
            .where((t.assignments.c.state == "leased") | (t.tasks.c.load < t.tasks.c.wanted))
            .order_by(t.assignments.c.id)
            .limit(1)
        ).first()
        until = {"state": "leased", "expires": now + self.lease_seconds}
        if held is not None:
            c.execute(t.assignments.update().where(t.assignments.c.id == held.id).values(**until))
            if held.state == "expired":
                c.execute(t.tasks.update().where(t.tasks.c.id == held.task_id).values(load=t.tasks.c.load + 1))
            return str(held.task_id)
        if self.quota is not None:
            done = c.execute(sa.select(sa.func.count()).select_from(t.assignments).where(mine)).scalar_one()
            if done >= self.quota:
                return None
        seen = sa.exists().where(mine, t.assignments.c.task_id == t.tasks.c.id)
        known = sa.exists().where(t.answers.c.person_id == person.id, t.answers.c.task_id == t.tasks.c.repeat_of)
        task = c.execute(
            sa.select(t.tasks.c.id)
            .where(t.tasks.c.load < t.tasks.c.wanted, ~seen, t.tasks.c.repeat_of.is_(None) | known)
            .order_by(t.tasks.c.load, t.tasks.c.position)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar()
        if task is None:
            return None
        c.execute(t.assignments.insert().values(task_id=task, person_id=person.id, **until))
        c.execute(t.tasks.update().where(t.tasks.c.id == task).values(load=t.tasks.c.load + 1))
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
