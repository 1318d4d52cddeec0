"""`hotspot status`: what access points say of themselves."""

from dataclasses import dataclass
from typing import Any

import click

from controller.job import Job, Outcome, Result
from controller.plan import Observed
from controller.push import Contact
from controller.transport.remote import Facts
from controller.waves import WORKERS, Waves
from hotspot.city.sites import Inventory
from hotspot.node.terminal import FAILED, Command, Node, pass_node
from hotspot.store.city import pushes

from .jobs import contact_of, jobs_of, selectors_argument
from .plan import progress, stops


@dataclass(frozen=True)
class Said:
    """An access point's answer, or why there is none."""

    ap: str
    outcome: Outcome
    detail: str = ""
    facts: Facts | None = None
    observed: Observed | None = None


@click.command(cls=Command)
@selectors_argument
@pass_node
def status(node: Node, aps: tuple[str, ...]) -> None:
    """What access points say of themselves: what they are, how they fare, what they carry.

    One in every detail, several as a table. Exit code 1 when one of them did not answer.

    \b
    hotspot status tk2-ap1
    hotspot status district:serpong
    """
    revision = node.revision()
    jobs = jobs_of(node, revision, aps, files=False)
    contact = contact_of(node)
    waves = Waves(jobs, lambda job: _asked(contact, job), lambda: WORKERS)
    found: dict[str, Said] = {}
    with stops(waves), progress(node, "asking", len(jobs)) as advance:
        for job, said in waves.run():
            found[job.ap] = said
            advance(Result(job.ap, said.outcome))
    answers = [found[job.ap] for job in jobs if job.ap in found]
    carried = {one.ap: _carried(node, one) for one in answers}
    differs = {one.ap: differences(revision.inventory, one.ap, one.facts) for one in answers}
    node.answer([_as_json(one, carried[one.ap], differs[one.ap]) for one in answers])
    if len(jobs) == 1:
        _show(node, answers, carried)
    elif not node.json:
        _show_table(node, answers, carried)
    for one in answers:
        for sentence in differs[one.ap]:
            node.complain(f"warning: {one.ap}: {sentence}")
    if waves.left:
        node.complain(f"interrupted; not asked: {', '.join(job.ap for job in waves.left)}")
    if waves.left or not all(one.outcome.good for one in answers):
        node.fail(FAILED)


def _asked(contact: Contact, job: Job) -> Said:
    asked, facts = contact.facts(job)
    if facts is None:
        return Said(job.ap, asked.outcome, asked.detail)
    result, observed = contact.observe(job)
    if observed is None:
        return Said(job.ap, result.outcome, result.detail)
    return Said(job.ap, Outcome.DONE, "", facts, observed)


def differences(inventory: Inventory, ap: str, facts: Facts | None) -> list[str]:
    """Sentences about what sites.toml says otherwise than the access point itself."""
    found = inventory.find_ap(ap)
    return facts.differs_from(found[1].kind, found[1].mac) if found and facts else []


def _carried(node: Node, said: Said) -> str:
    current = said.observed.current if said.observed else None
    if not current:
        return "nothing of ours"
    with node.store.core.read() as connection:
        push = pushes.carrying(connection, said.ap, current)
    return f"revision {push.revision}" if push else "another node's push"


def _as_json(said: Said, carried: str, differs: list[str]) -> dict[str, Any]:
    value: dict[str, Any] = {"ap": said.ap, "outcome": said.outcome, "detail": said.detail}
    if said.facts is None or said.observed is None:
        return value
    facts, pending = said.facts, said.observed.pending
    return value | {
        "facts": {**facts.values, "macs": facts.macs, "has": facts.programs, "versions": facts.versions},
        "differs": differs,
        "carries": carried,
        "digest": said.observed.current,
        "pending": pending and pending.tx,
        "last": said.observed.last,
    }


def _show(node: Node, answers: list[Said], carried: dict[str, str]) -> None:
    for one in answers:
        if one.facts is None or one.observed is None:
            node.say(f"{one.ap}: {one.outcome}: {one.detail}")
            continue
        for line in lines_of(one.facts):
            node.say(line)
        for line in _standing(one.observed, carried[one.ap]):
            node.say(line)


def lines_of(facts: Facts) -> list[str]:
    """Facts as a person reads them."""
    macs = ((f"mac {name}", mac) for name, mac in facts.macs.items())
    versions = ", ".join(f"{package} {version}" for package, version in facts.versions.items())
    rows = [*facts.values.items(), *macs, ("has", ", ".join(facts.programs)), ("versions", versions)]
    return [f"{name:10} {value}" for name, value in rows]


def _standing(observed: Observed, carried: str) -> list[str]:
    lines = [f"{'carries':10} {carried}"]
    if observed.pending:
        lines.append(f"{'pending':10} {observed.pending.tx}, reverts in {observed.pending.seconds} s")
    if observed.last:
        lines.append(f"{'last push':10} {observed.last}")
    return lines


def _show_table(node: Node, answers: list[Said], carried: dict[str, str]) -> None:
    rows: list[list[Any]] = []
    for one in answers:
        if one.facts is None:
            rows.append([one.ap, f"{one.outcome}: {one.detail}"])
            continue
        values = one.facts.values
        up = f"{int(values.get('uptime') or 0) // 3600} h"
        rows.append([one.ap, values.get("model"), values.get("system"), up, values.get("memory_kb"), carried[one.ap]])
    node.table(["AP", "model", "system", "up", "memory kB", "carries"], _even(rows), None)


def _even(rows: list[list[Any]]) -> list[list[Any]]:
    return [[*row, *[""] * (6 - len(row))] for row in rows]
