"""Real kiosks and servers keep their files on a disk."""

from tests.once.schema import new_tables_are_copied as new_tables_are_copied
from tests.order.on_disk import tmp_path_factory as tmp_path_factory
from tests.system.support.nursery import nursery as nursery
