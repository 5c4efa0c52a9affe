"""The statements of every page and answer, built once: building them anew would cost more than they do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from clearhead.study.store.schema import Tables, tables

if TYPE_CHECKING:
    from sqlalchemy import Insert, Select, Update

__all__ = ["Statements", "statements"]


# LIMIT is written out: for a parameter PostgreSQL plans to sort all the tasks that are free, at every answer.
_ONE = "1"


@dataclass(frozen=True)
class Statements:
    """Statements with named parameters: ``person``, ``task``, ``assignment`` and those said here.

    ``session`` (``token``, ``now``) an annotator by cookie; ``holds`` a person's assignment of a task and the answer to
    it; ``lock_assignment``, ``lock_person``, ``lock_counts`` what a transaction must hold; ``held`` the person's open
    task; ``free`` the least answered task that is new to them; ``done`` how many they had; ``add_answer``,
    ``add_lease`` (columns by name); ``close`` an answered assignment; ``renew`` a lease (``until``); ``count`` answers
    and load of a task (``counted``, ``change``).
    """

    session: Select[Any]
    holds: Select[Any]
    lock_assignment: Select[Any]
    lock_person: Select[Any]
    lock_counts: Select[Any]
    held: Select[Any]
    free: Select[Any]
    done: Select[Any]
    add_answer: Insert
    add_lease: Insert
    close: Update
    renew: Update
    count: Update


@cache
def statements() -> Statements:
    """The statements, made once."""
    import sqlalchemy as sa

    t = tables()
    a, b = t.assignments.c, sa.bindparam
    mine = a.person_id == b("person")
    this = (a.task_id == b("task")) & mine
    one, own = t.tasks.c.id == b("task"), a.id == b("assignment")
    counted = {"answered": t.tasks.c.answered + b("counted"), "load": t.tasks.c.load + b("change")}
    return Statements(
        session=sa.select(t.people)
        .join(t.sessions, t.sessions.c.person_id == t.people.c.id)
        .where(t.sessions.c.token_hash == b("token"), t.sessions.c.expires > b("now")),
        holds=sa.select(a.id, t.answers.c["values"])
        .select_from(t.assignments.outerjoin(t.answers, t.answers.c.assignment_id == a.id))
        .where(this),
        lock_assignment=sa.select(a.id, a.state).where(this).with_for_update(),
        lock_person=sa.select(t.people.c.id).where(t.people.c.id == b("person")).with_for_update(),
        lock_counts=sa.select(t.tasks.c.answered, t.tasks.c.wanted).where(one).with_for_update(),
        held=_held(t),
        free=_free(t),
        done=sa.select(sa.func.count()).select_from(t.assignments).where(mine),
        add_answer=t.answers.insert(),
        add_lease=t.assignments.insert(),
        close=t.assignments.update().where(own).values(state="answered", expires=None),
        renew=t.assignments.update().where(own).values(state="leased", expires=b("until")),
        count=t.tasks.update().where(one).values(**counted),
    )


def _held(t: Tables) -> Select[Any]:
    """What the person opened and has not answered, unless it ran out and others have done it meanwhile."""
    import sqlalchemy as sa

    a = t.assignments.c
    return (
        sa.select(a.id, a.task_id, a.state)
        .join(t.tasks, t.tasks.c.id == a.task_id)
        .where(a.person_id == sa.bindparam("person"), a.state != "answered")
        .where((a.state == "leased") | (t.tasks.c.load < t.tasks.c.wanted))
        .order_by(a.id)
        .limit(sa.literal_column(_ONE))
    )


def _free(t: Tables) -> Select[Any]:
    """A task that needs answers and was never this person's; a repeat only after what it repeats."""
    import sqlalchemy as sa

    person: sa.BindParameter[Any] = sa.bindparam("person")
    seen = sa.exists().where(t.assignments.c.person_id == person, t.assignments.c.task_id == t.tasks.c.id)
    known = sa.exists().where(t.answers.c.person_id == person, t.answers.c.task_id == t.tasks.c.repeat_of)
    return (
        sa.select(t.tasks.c.id)
        .where(t.tasks.c.load < t.tasks.c.wanted, ~seen, t.tasks.c.repeat_of.is_(None) | known)
        .order_by(t.tasks.c.load, t.tasks.c.position)
        .limit(sa.literal_column(_ONE))
        .with_for_update(skip_locked=True)
    )
