"""Runs a whole probe: each service as far as it is connected, and what is contradicted is remembered.

A service that can't be reached or is not set leaves its assumptions unknown, and keeps no other from being asked. What
needs time to pass comes last.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from audit_assets.axiom.limits import AxiomLimits
from audit_assets.cli.probe import (
    axiom_events,
    axiom_queries,
    cloudflare_pages,
    cloudflare_refusals,
    cloudflare_streams,
    cloudflare_windows,
    linear_archive,
    linear_ticket,
)
from audit_assets.cli.probe.assumptions import Assumption, Result, all_unknown, check_all
from audit_assets.cli.probe.axiom_scene import AxiomScene
from audit_assets.cli.probe.cloudflare_scene import V1, V2, CloudflareScene
from audit_assets.cli.probe.linear_scene import LinearScene
from audit_assets.cloudflare.entry_fields import ORGANIZATION
from audit_assets.config.errors import AuditAssetsError
from audit_assets.defs.resources import AxiomResource, CloudflareResource, LinearResource, StorageResource
from audit_assets.defs.steps.first_contact import remember_contradictions
from audit_assets.storage.hour_store import HourStore
from audit_assets.transport.clock import Clock
from audit_assets.transport.http import HttpLimits

IMPATIENT = HttpLimits(attempts=2, attempt_seconds=60, total_seconds=400)
"""A person waits: but a block of Cloudflare's, of five minutes, is outlasted."""

OF_V2 = [*cloudflare_windows.ASSUMPTIONS, *cloudflare_pages.ASSUMPTIONS, *cloudflare_refusals.ASSUMPTIONS]
OF_CLOUDFLARE = [
    *OF_V2,
    *cloudflare_streams.OF_V1,
    *cloudflare_streams.OF_BOTH,
    *cloudflare_streams.OF_ORGANIZATION,
    *cloudflare_streams.OF_COUNTS,
    *cloudflare_streams.OF_STORED_HOURS,
    *cloudflare_pages.LAST,
]
OF_AXIOM = [*axiom_events.ASSUMPTIONS, *axiom_queries.ASSUMPTIONS]
OF_LINEAR = [*linear_ticket.ASSUMPTIONS, *linear_archive.ASSUMPTIONS]

ALL: list[Assumption[Any]] = [*OF_CLOUDFLARE, *OF_AXIOM, *OF_LINEAR]


@dataclass
class Probe:
    """The results so far. `left_behind`: names of test tickets that could not be archived. `show` gets a line for each
    part that begins."""

    clock: Clock
    show: Callable[[str], None]
    results: list[Result] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Ask everything that can be asked, and remember what stops the pipeline."""
        store = StorageResource(self.clock).open()
        with ExitStack() as at_the_end:
            cloudflare = self._open_cloudflare(store, at_the_end)
            self._axiom()
            self._linear()
            if cloudflare:
                self.show("Cloudflare: a cursor of five minutes ago")
                self.results += check_all(cloudflare_pages.LAST, cloudflare)
        order = {each.id: number for number, each in enumerate(ALL)}
        self.results.sort(key=lambda result: order[result.id])
        found = {
            each.id: {"service": each.service, "assumed": each.assumed}
            for each in self.results
            if each.stops and each.answer == "contradicted"
        }
        confirmed = {each.id for each in self.results if each.answer == "confirmed"}
        remember_contradictions(store, found, confirmed, self.clock.now())

    def _open_cloudflare(self, store: HourStore, at_the_end: ExitStack) -> CloudflareScene | None:
        """Everything but what needs time to pass; the scene for that."""
        self.show("Cloudflare: windows, pages, refusals (reading only)")
        try:
            resource = CloudflareResource(self.clock, IMPATIENT)
            streams = resource.streams()
            client = at_the_end.enter_context(closing(resource.client()))
            for stream in {*streams} - {ORGANIZATION}:  # whether that can be read is a question of its own
                client.probe(stream)
        except AuditAssetsError as error:
            self.results += all_unknown(OF_CLOUDFLARE, f"it could not be asked: {error}")
            return None
        scene = CloudflareScene(client, store)
        for needed, assumptions in (
            ({V2}, OF_V2),
            ({V1}, cloudflare_streams.OF_V1),
            ({V1, V2}, cloudflare_streams.OF_BOTH),
            ({V2}, cloudflare_streams.OF_ORGANIZATION),
            (set[str](), [*cloudflare_streams.OF_COUNTS, *cloudflare_streams.OF_STORED_HOURS]),
        ):
            if needed <= {*streams}:
                self.results += check_all(assumptions, scene)
            else:
                self.results += all_unknown(assumptions, "CLOUDFLARE_STREAMS leaves the stream out")
        return scene

    def _axiom(self) -> None:
        self.show("Axiom: one marked event, and queries")
        try:
            resource = AxiomResource(self.clock, AxiomLimits(attempts=1, read_seconds=60))
            with (
                closing(resource.connection()) as own,
                closing(resource.connection(f"xaat-{uuid4()}")) as stranger,
            ):
                self.results += check_all(OF_AXIOM, AxiomScene(own, stranger, self.clock))
        except AuditAssetsError as error:
            self.results += all_unknown(OF_AXIOM, f"it could not be asked: {error}")

    def _linear(self) -> None:
        self.show("Linear: one test ticket, which is archived again")
        try:
            client = LinearResource(self.clock, IMPATIENT).client()
        except AuditAssetsError as error:
            self.results += all_unknown(OF_LINEAR, f"it could not be asked: {error}")
            return
        scene = LinearScene(client)
        try:
            with scene:
                self.results += check_all(OF_LINEAR, scene)
        finally:
            self.left_behind += scene.left_behind
