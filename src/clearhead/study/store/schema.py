"""The tables of a running study. Task pages are not among them: they stay in the study's folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

__all__ = ["Tables", "tables"]


@dataclass(frozen=True)
class Tables:
    """SQLAlchemy tables.

    ``people`` (a random name; no address, no time), ``sessions`` (hashed cookies), ``tasks`` (how many answers each
    needs and has; ``load`` = answers + leases), ``assignments`` (one a task and person, ever), ``answers`` (one an
    assignment), ``withdrawn`` (names to strike from earlier exports), ``studies`` (one row: which tasks these are).
    """

    metadata: MetaData
    people: Table
    sessions: Table
    tasks: Table
    assignments: Table
    answers: Table
    withdrawn: Table
    studies: Table


@cache
def tables() -> Tables:
    """The tables, made once."""
    import sqlalchemy as sa

    meta = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    people = sa.Table(
        "people",
        meta,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False, unique=True),
        sa.Column("link_hash", sa.String(64), unique=True),
        sa.Column("platform_id", sa.String(128), unique=True),
        sa.Column("consent", sa.String(64)),
        sa.Column("code", sa.String(64)),
    )
    sessions = sa.Table(
        "sessions",
        meta,
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("expires", sa.Float, nullable=False),
    )
    tasks = sa.Table(
        "tasks",
        meta,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("load", sa.Integer, nullable=False),
        sa.Column("repeat_of", sa.String(32)),
        sa.Index("ix_tasks_queue", "load", "position"),
    )
    assignments = sa.Table(
        "assignments",
        meta,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), nullable=False),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("expires", sa.Float),
        sa.UniqueConstraint("task_id", "person_id"),
        sa.Index("ix_assignments_expiry", "state", "expires"),
    )
    answers = sa.Table(
        "answers",
        meta,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "assignment_id",
            sa.Integer,
            sa.ForeignKey("assignments.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), nullable=False, index=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("surplus", sa.Boolean, nullable=False),
        sa.Column("submission", sa.String(64), nullable=False),
        sa.Column("corrections", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("blurs", sa.Integer),
    )
    withdrawn = sa.Table("withdrawn", meta, sa.Column("name", sa.String(32), primary_key=True))
    studies = sa.Table("studies", meta, sa.Column("key", sa.String(64), primary_key=True))
    return Tables(meta, people, sessions, tasks, assignments, answers, withdrawn, studies)
