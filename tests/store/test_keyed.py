import pytest

from hotspot.errors import ConfigError
from hotspot.people.identity import Keys
from hotspot.settings import MASTER_KEY, Settings
from hotspot.store.keyed import open_keyed


def test_a_store_knows_its_master_key(settings: Settings) -> None:
    for _ in range(2):
        store, keys = open_keyed(settings)
        assert keys.index("a", "b") == settings.keys().index("a", "b")
        store.close()


def test_a_node_with_another_master_key_is_refused(settings: Settings) -> None:
    open_keyed(settings)[0].close()
    other = Settings.load(settings.state, {**settings.environment, MASTER_KEY: Keys.new_text()})
    with pytest.raises(ConfigError, match="is not the one the store was made with"):
        open_keyed(other)
