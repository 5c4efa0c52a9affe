"""What came in: answers, withdrawals, progress."""

from __future__ import annotations

from dataclasses import dataclass

from clearhead.study.answers import Answer
from clearhead.study.store.database import Database
from clearhead.study.store.schema import tables

__all__ = ["Progress", "Results"]


@dataclass(frozen=True)
class Progress:
    """Counts for the admin page."""

    tasks: int
    tasks_done: int
    answers_wanted: int
    answers: int
    surplus: int
    blank: int
    people: int
    consented: int
    finished: int
    open_leases: int
    withdrawn: int


class Results:
    """Reads what annotators left."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def answers(self) -> list[Answer]:
        """Every stored answer, by task, then annotator."""
        import sqlalchemy as sa

        t = tables()
        query = (
            sa.select(t.answers, t.people.c.name)
            .join(t.people, t.people.c.id == t.answers.c.person_id)
            .order_by(t.answers.c.task_id, t.people.c.name)
        )
        with self.database.read() as c:
            return [
                Answer(r["task_id"], r["name"], r["values"], r["surplus"], r["seconds"], r["blurs"])
                for r in c.execute(query).mappings()
            ]

    def withdrawn(self) -> list[str]:
        """Names of those who withdrew: to be struck from every earlier export."""
        import sqlalchemy as sa

        with self.database.read() as c:
            return list(c.execute(sa.select(tables().withdrawn.c.name).order_by(tables().withdrawn.c.name)).scalars())

    def platform_codes(self) -> list[tuple[str, str]]:
        """(platform id, completion code) of those who finished, to pay them."""
        import sqlalchemy as sa

        p = tables().people
        query = sa.select(p.c.platform_id, p.c.code).where(p.c.platform_id.is_not(None), p.c.code.is_not(None))
        with self.database.read() as c:
            return [(row[0], row[1]) for row in c.execute(query.order_by(p.c.platform_id))]

    def progress(self) -> Progress:
        """Where the study stands."""
        import sqlalchemy as sa

        t = tables()
        n = sa.func.count
        done = sa.case((t.tasks.c.answered >= t.tasks.c.wanted, 1))
        surplus = sa.case((t.answers.c.surplus, 1))
        with self.database.read() as c:
            tasks = c.execute(
                sa.select(n(), n(done), sa.func.coalesce(sa.func.sum(t.tasks.c.wanted), 0)).select_from(t.tasks)
            ).one()
            answers = c.execute(sa.select(n(), n(surplus)).select_from(t.answers)).one()
            blank = sum(not values for values in c.execute(sa.select(t.answers.c["values"])).scalars())
            people = c.execute(sa.select(n(), n(t.people.c.consent), n(t.people.c.code)).select_from(t.people)).one()
            leases = c.execute(
                sa.select(n()).select_from(t.assignments).where(t.assignments.c.state == "leased")
            ).scalar_one()
            gone = c.execute(sa.select(n()).select_from(t.withdrawn)).scalar_one()
        return Progress(
            tasks=tasks[0],
            tasks_done=tasks[1],
            answers_wanted=tasks[2],
            answers=answers[0],
            surplus=answers[1],
            blank=blank,
            people=people[0],
            consented=people[1],
            finished=people[2],
            open_leases=leases,
            withdrawn=gone,
        )
