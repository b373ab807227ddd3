from __future__ import annotations

import gc

import pytest

from arouter.server.gc import freeze_imports


def test_what_is_made_for_good_is_not_looked_at_again() -> None:
    try:
        with freeze_imports():
            assert not gc.isenabled()
            made = [object()]

        assert gc.isenabled()
        assert not any(each is made for each in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(each is made for each in gc.get_objects())


def test_the_collector_goes_on_after_an_error() -> None:
    try:
        with pytest.raises(ImportError), freeze_imports():
            raise ImportError

        assert gc.isenabled()
    finally:
        gc.unfreeze()
