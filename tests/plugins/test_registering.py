"""Layers, losses and data sets that a session of Python makes known for itself."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import FAKE_BACKEND, core_host, loss, module

from ganforge import spec
from ganforge.errors import PluginError
from ganforge.plugins.host import Host
from ganforge.plugins.kinds import known_kinds
from ganforge.plugins.registering import register_in
from ganforge.spec.losses import LossEntry


@pytest.fixture
def host() -> Host:
    return core_host()[0]


def mine(scale: float) -> LossEntry:
    return replace(loss("bce"), name="mine", summary=f"times {scale}")


def test_an_entry_is_known_from_then_on(host: Host) -> None:
    entry = mine(1)
    assert register_in(host, entry) is entry
    assert host.find("ganforge_losses", LossEntry, "mine", "loss") is entry
    assert "mine" not in core_host()[0].entries("ganforge_losses", LossEntry)


def test_the_last_one_of_a_name_counts(host: Host) -> None:
    first, second = mine(1), mine(2)
    register_in(host, first)
    register_in(host, replace(first, name="other"))
    register_in(host, second)
    assert host.find("ganforge_losses", LossEntry, "mine", "loss") is second
    assert "other" in host.entries("ganforge_losses", LossEntry)


def test_entries_of_other_kinds_and_one_name_live_side_by_side(host: Host) -> None:
    register_in(host, mine(1))
    register_in(host, replace(FAKE_BACKEND, name="mine"))
    assert "mine" in host.entries("ganforge_losses", LossEntry)
    assert "mine" in host.entries("ganforge_backends", type(FAKE_BACKEND))


def test_a_layer_that_is_defined_again_replaces_its_kind(host: Host) -> None:
    def layer(**fields: Any) -> spec.LayerEntry:
        class Same(spec.LayerSettings, frozen=True, kw_only=True, tag="same"):
            def resolve(self, place: Any) -> spec.Resolved:
                return spec.Resolved(place.input)

            def parameters(self, node: Any) -> tuple[Any, ...]:
                return ()

            def forward(self, node: Any, x: Any, run: Any) -> Any:
                return x

        return spec.LayerEntry(layer=Same, summary="as it is", examples=(Same(),))

    first, second = layer(), layer()
    register_in(host, first)
    assert known_kinds(host).layers["same"] is first.layer
    register_in(host, second)
    assert known_kinds(host).layers["same"] is second.layer


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (3, "is no"),
        (loss("bce"), "plugin 'ganforge.plugins.builtin' has a LossEntry named 'bce' already"),
        (replace(loss("bce"), name="Not A Name"), "lower case"),
        (replace(loss("bce"), name="mine", discriminator=3), "its discriminator is 3"),
    ],
)
def test_what_cannot_be_registered_changes_nothing(entry: Any, said: str, host: Host) -> None:
    before = set(host.entries("ganforge_losses", LossEntry))
    with pytest.raises(PluginError, match=said):
        register_in(host, entry)
    assert set(host.entries("ganforge_losses", LossEntry)) == before


def test_an_installed_plugin_of_that_name_is_not_replaced() -> None:
    host, _ = core_host(module("theirs", ganforge_losses=lambda: (mine(1),)))
    with pytest.raises(PluginError, match="plugin 'theirs' has a LossEntry named 'mine' already"):
        register_in(host, mine(2))
