"""Who answers: invitations, platform links, sessions, consent, completion, withdrawal. No address, no time is kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clearhead.study.store.database import Database
from clearhead.study.store.schema import tables
from clearhead.study.store.statements import statements

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["People", "Person", "digest"]

SESSION_SECONDS = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Person:
    """An annotator: a random name, the consent version given (None: not yet), the completion code (None: not done)."""

    id: int
    name: str
    consent: str | None
    code: str | None


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256 (secrets are 256 random bits, so that no salt is needed)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class People:
    """Everything about annotators; secrets are returned once and kept as hashes."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def invite(self, count: int) -> list[tuple[str, str]]:
        """New annotators: (name, secret of the link) each."""
        made = [(_name(), secrets.token_urlsafe(32)) for _ in range(count)]
        with self.database.write() as c:
            rows = [{"name": name, "link_hash": digest(secret)} for name, secret in made]
            if rows:
                c.execute(tables().people.insert(), rows)
        return made

    def by_link(self, secret: str) -> Person | None:
        """The annotator that a link was made for."""
        return self._find(tables().people.c.link_hash == digest(secret))

    def by_platform(self, platform_id: str) -> Person:
        """The annotator that a recruiting platform sent, made at the first visit."""
        import sqlalchemy as sa

        people = tables().people
        with self.database.write() as c:
            where = people.c.platform_id == platform_id
            found = _person(c.execute(sa.select(people).where(where)).mappings().first())
            if found is None:
                insert: Any = _insert(c, people).values(name=_name(), platform_id=platform_id)
                c.execute(insert.on_conflict_do_nothing())
                found = _person(c.execute(sa.select(people).where(where)).mappings().one())
        assert found is not None
        return found

    def open_session(self, person: Person) -> str:
        """A new cookie for this annotator."""
        token = secrets.token_urlsafe(32)
        with self.database.write() as c:
            now = time.time()
            sessions = tables().sessions
            c.execute(sessions.delete().where(sessions.c.expires < now))
            c.execute(
                sessions.insert().values(token_hash=digest(token), person_id=person.id, expires=now + SESSION_SECONDS)
            )
        return token

    def by_session(self, token: str) -> Person | None:
        """The annotator whose cookie this is."""
        with self.database.read() as c:
            found = c.execute(statements().session, {"token": digest(token), "now": time.time()})
            return _person(found.mappings().first())

    def consent(self, person: Person, version: str) -> None:
        """Record which consent text was agreed to."""
        people = tables().people
        with self.database.write() as c:
            c.execute(people.update().where(people.c.id == person.id).values(consent=version))

    def finish(self, person: Person, code: str | None = None) -> str:
        """The completion code, committed before it is returned; the same at every call."""
        import sqlalchemy as sa

        people = tables().people
        with self.database.write() as c:
            kept: str | None = c.execute(sa.select(people.c.code).where(people.c.id == person.id)).scalar()
            if kept is None:
                kept = code or secrets.token_hex(5).upper()
                c.execute(people.update().where(people.c.id == person.id).values(code=kept))
        return kept

    def withdraw(self, person: Person) -> None:
        """Delete the annotator and every answer; open the tasks again. Only the random name is kept, to strike it."""
        import sqlalchemy as sa

        t = tables()
        with self.database.write() as c:
            mine = t.assignments.c.person_id == person.id
            left = t.assignments.outerjoin(t.answers, t.answers.c.assignment_id == t.assignments.c.id)
            query = sa.select(t.assignments.c.task_id, t.assignments.c.state, t.answers.c.surplus).select_from(left)
            for row in c.execute(query.where(mine).order_by(t.assignments.c.task_id)).all():
                counted = row.state == "answered" and not row.surplus
                held = int(counted or row.state == "leased")
                change = {"answered": t.tasks.c.answered - int(counted), "load": t.tasks.c.load - held}
                c.execute(t.tasks.update().where(t.tasks.c.id == row.task_id).values(**change))
                if counted:
                    _promote_surplus(c, row.task_id, person.id)
            for table in (t.answers, t.assignments, t.sessions):
                c.execute(table.delete().where(table.c.person_id == person.id))
            c.execute(t.people.delete().where(t.people.c.id == person.id))
            c.execute(_insert(c, t.withdrawn).values(name=person.name).on_conflict_do_nothing())

    def _find(self, where: Any) -> Person | None:
        import sqlalchemy as sa

        with self.database.read() as c:
            return _person(c.execute(sa.select(tables().people).where(where)).mappings().first())


def _promote_surplus(c: Connection, task: str, leaving: int) -> None:
    """A surplus answer takes the place of one that is withdrawn."""
    import sqlalchemy as sa

    t = tables()
    spare = c.execute(
        sa.select(t.answers.c.id)
        .where(t.answers.c.task_id == task, t.answers.c.surplus, t.answers.c.person_id != leaving)
        .order_by(t.answers.c.id)
        .limit(1)
    ).scalar()
    if spare is not None:
        c.execute(t.answers.update().where(t.answers.c.id == spare).values(surplus=False))
        change = {"answered": t.tasks.c.answered + 1, "load": t.tasks.c.load + 1}
        c.execute(t.tasks.update().where(t.tasks.c.id == task).values(**change))


def _insert(c: Connection, table: Any) -> Any:
    from sqlalchemy.dialects import postgresql, sqlite

    return (sqlite if c.dialect.name == "sqlite" else postgresql).insert(table)


def _name() -> str:
    return f"p{secrets.token_hex(6)}"


def _person(row: Any) -> Person | None:
    return None if row is None else Person(row["id"], row["name"], row["consent"], row["code"])
