"""Running the migrations, with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hotspot.errors import StoreError


def upgrade(connection: Connection, name: str, scripts: Path, current: str | None) -> None:
    """Brings a database's schema from the version `current` up to date, within the caller's transaction.

    StoreError for one that a newer version of ours has made.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("version_table", f"alembic_{name}")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(f"the {name} database was made by a newer version ({current}); upgrade this one")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
