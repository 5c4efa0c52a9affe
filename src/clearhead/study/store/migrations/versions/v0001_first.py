"""The first schema: people, sessions, tasks, assignments, answers, withdrawn."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Written out, so that later changes of the schema do not change what this revision makes."""
    import sqlalchemy as sa
    from alembic import op

    op.create_table(
        "people",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False, unique=True),
        sa.Column("link_hash", sa.String(64), unique=True),
        sa.Column("platform_id", sa.String(128), unique=True),
        sa.Column("consent", sa.String(64)),
        sa.Column("code", sa.String(64)),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("load", sa.Integer, nullable=False),
        sa.Column("repeat_of", sa.String(32)),
        sa.Index("ix_tasks_queue", "load", "position"),
    )
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), nullable=False),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("expires", sa.Float),
        sa.UniqueConstraint("task_id", "person_id"),
        sa.Index("ix_assignments_expiry", "state", "expires"),
    )
    op.create_table(
        "answers",
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
    op.create_table("withdrawn", sa.Column("name", sa.String(32), primary_key=True))
