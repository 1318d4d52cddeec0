"""The pages on which people report faults, before any login, and follow what becomes of them."""

from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from hotspot.errors import RequestError

from . import complaints
from .problems import status_of
from .render import later, sender

if TYPE_CHECKING:
    from portal.app import Portal

log = structlog.get_logger("portal")


class Faults:
    """The pages, over what the portal's routes share."""

    def __init__(self, portal: "Portal"):
        self._portal = portal

    def form(self, error: RequestError | None = None) -> Response:
        """The form by which anybody reports a fault; with what is wrong with it."""
        portal = self._portal
        lang, inventory = portal.language(), portal.inventory
        given = request.form if error else request.args
        typed = {name: given.get(name, "")[: complaints.LONGEST] for name in complaints.FIELDS}
        shown = {
            "sites": complaints.places(inventory, portal.desk.now()),
            "categories": complaints.CATEGORIES,
            "typed": typed,
            "problem": portal.told(error, lang) if error else "",
            "tried": error.code if error else "",
        }
        place = inventory.find_site(typed["site"])
        page = portal.page("report.html", lang, place, shown, code=status_of(error) if error else 200)
        return later(page, error) if error else page

    def report(self) -> AnyResponse:
        portal, now = self._portal, self._portal.desk.now()
        lang = portal.language()
        try:
            number = complaints.report(portal.desk, portal.inventory, request.form, lang, sender(), now)
        except RequestError as error:
            return self.form(error)
        log.info("complaint", site=request.form["site"], category=request.form["category"])
        return portal.see_other(f"/report/{number}?lang={lang}")

    def reported(self, number: str | None = None) -> Response:
        """A report's page, by its address or by the form that asks for its number."""
        portal = self._portal
        found = complaints.follow(portal.desk, request.args.get("number", "") if number is None else number)
        inventory = portal.inventory
        site = inventory.find_site(found.site)
        zone = inventory.zone(site) if site else inventory.city.zone

        def day(at: int) -> str:
            return datetime.fromtimestamp(at, zone).strftime("%d-%m-%Y")

        return portal.page("reported.html", portal.language(), site, {"complaint": found, "day": day})


def routes(portal: "Portal") -> Blueprint:
    faults = Faults(portal)
    blueprint = Blueprint("faults", __name__)
    blueprint.add_url_rule("/report", view_func=faults.form, endpoint="form", methods=["GET"])
    blueprint.add_url_rule("/report", view_func=faults.report, endpoint="report", methods=["POST"])
    blueprint.add_url_rule("/report/<number>", view_func=faults.reported, endpoint="reported", methods=["GET"])
    blueprint.add_url_rule("/report/", view_func=faults.reported, endpoint="following", methods=["GET"])
    return blueprint
