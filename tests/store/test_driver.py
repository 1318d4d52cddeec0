"""What a database's driver costs those who do not use it."""

import subprocess
import sys


def test_who_keeps_to_sqlite_never_loads_postgresql_s_driver() -> None:
    code = "import sys, controller.cli, hotspot.store; print('psycopg' in sys.modules, 'pysqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
