"""Which tasks the answers are of, so that a study that was built again does not take them for its own."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """An empty table: the key is entered when the study is next opened."""
    import sqlalchemy as sa
    from alembic import op

    op.create_table("studies", sa.Column("key", sa.String(64), primary_key=True))
