"""`hotspot adopt` and `keys`: which access point is which, and who may log in there."""

import hmac

import click

from controller import signing
from controller.job import Job, Ran
from controller.kinds.setup import tunnel_secret
from controller.kinds.tunnel import authorized_line
from controller.posix import account as accounts
from controller.push import Contact
from controller.selectors import select
from controller.transport.remote import Facts
from controller.transport.ssh import create_key, load_key, public_line, read_host_key
from hotspot.errors import ConfigError, HotspotError, PeerError
from hotspot.host_key import fingerprint
from hotspot.node.terminal import Command, Group, Node, pass_node, quiet_option
from hotspot.store import audit
from hotspot.store.city import pushes
from hotspot.store.city.pushes import HostKey

from .jobs import SELECTOR, ap_argument, contact_of, dry_run_option, jobs_of, key_path, one_of, private_key, trusted
from .life import on_each, record_begin, record_ends, show_ends, would
from .status import differences, lines_of


@click.command(cls=Command)
@ap_argument
@click.option("--fingerprint", "expected", metavar="SHA256:…", help="Pin only a key with this fingerprint.")
@click.option("--yes", is_flag=True, help="Do not ask; trust the network at this moment.")
@click.option("--replace", is_flag=True, help="Pin it in the place of another key, after an AP was set up anew.")
@dry_run_option
@pass_node
def adopt(node: Node, ap: str, expected: str | None, yes: bool, replace: bool, dry_run: bool) -> None:
    """Pin an access point's SSH host key, so that it can be planned and pushed.

    Where the controller's key opens it already, it is asked what it is; what sites.toml has otherwise is told.

    \b
    hotspot adopt tk2-ap1 --fingerprint SHA256:…
    """
    inventory = node.revision().inventory
    ap = one_of(inventory, ap, node.now)
    shown = read_host_key(*inventory.ap_by_id[ap][1].endpoint)
    print_of = fingerprint(shown)
    if expected is not None and not hmac.compare_digest(expected.encode(), print_of.encode()):
        raise HotspotError(f"{ap} shows the host key {print_of}, not {expected}; nothing was pinned")
    with node.store.core.read() as connection:
        before = pushes.pinned(connection).get(ap)
    if before is not None and before.key != shown and not replace:
        raise HotspotError(
            f"{ap} shows the host key {print_of}, pinned is {before.fingerprint}; if it was set up anew, "
            "compare the fingerprint on its console and use --replace"
        )
    fresh = before is None or before.key != shown
    if fresh and not dry_run:
        if expected is None and not yes:
            node.complain(f"{ap} shows {shown.split()[0]} {print_of}")
            click.confirm("Is this the fingerprint on its console?", abort=True, err=True)
        with node.store.core.write() as connection:
            pushes.pin(connection, HostKey(ap, shown, print_of), node.who, node.now)
            audit.record(connection, node.who, "adopt", ap, node.now, fingerprint=print_of)
    done = "was pinned already" if not fresh else "would be pinned" if dry_run else "is pinned"
    node.say(f"{ap}: {print_of} {done}")
    facts, differs = (None, []) if dry_run and fresh else _looked_at(node, ap)
    told = facts and {**facts.values, "macs": facts.macs, "has": facts.programs, "versions": facts.versions}
    node.answer({"ap": ap, "fingerprint": print_of, "pinned": fresh and not dry_run, "facts": told, "differs": differs})


def _looked_at(node: Node, ap: str) -> tuple[Facts | None, list[str]]:
    """What an adopted access point says of itself, and what sites.toml has otherwise, where it lets us in."""
    revision = node.revision()
    try:
        [job] = jobs_of(node, revision, (ap,), files=False)
        ran, facts = contact_of(node).facts(job)
    except ConfigError as error:
        node.complain(f"{ap} was not asked what it is: {error}")
        return None, []
    if facts is None:
        node.complain(f"{ap} was not asked what it is: {ran.detail or ran.outcome}")
        return None, []
    differs = differences(revision.inventory, ap, facts)
    for line in lines_of(facts):
        node.say(line)
    for sentence in differs:
        node.complain(f"warning: {ap}: {sentence}")
    return facts, differs


@click.group(cls=Group)
def keys() -> None:
    """The controller's SSH key."""


@keys.command()
@pass_node
def show(node: Node) -> None:
    """Print the public key for the access points' authorized_keys."""
    _show(node)


@keys.command()
@click.option("--replace", is_flag=True, help="Even though access points know the key that is missing.")
@pass_node
def create(node: Node, replace: bool) -> None:
    """Make the controller's key where there is none, and print it as `show` does.

    Where the key is missing that adopted access points know, put it back from the backup: a new one opens none of them.
    With --replace one is made all the same; its line must then be brought to each access point by hand.
    """
    path = key_path(node)
    if _named_key(node) is None and not path.exists():
        adopted = _adopted(node)
        if adopted and not replace:
            raise ConfigError(
                f"{path} is missing, and {len(adopted)} access points know the key that was there ({adopted[0]}, …): "
                "put it back from the backup. A new one opens none of them; --replace makes it all the same"
            )
        create_key(path)
        node.complain(f"made a new key in {path}; it belongs into the backup")
    _show(node)


def _adopted(node: Node) -> list[str]:
    """The access points whose host keys are pinned; none while there is no city."""
    try:
        with node.store.core.read() as connection:
            return sorted(pushes.pinned(connection))
    except ConfigError:
        return []


def _show(node: Node) -> None:
    named, path = _named_key(node), key_path(node)
    if named is None and not path.exists():
        raise ConfigError(
            f"there is no SSH key in {path}: put it back from the backup, or `hotspot keys create` makes one"
        )
    key = load_key(node.settings.secret(named) if named is not None else path.read_bytes())
    line = public_line(key, "nirkabel")
    node.answer({"public_key": line})
    node.say(line)


@keys.command()
@click.argument("ap", metavar="[AP]", type=SELECTOR, required=False)
@pass_node
def account(node: Node, ap: str | None) -> None:
    """Print what root runs on a Debian access point that lets no root in, so that `user` can work there.

    It makes the account, lets the controller's key in, and lets sudo run one program as root, which does what this
    controller asks and nothing else. Run it again after each new version of this controller.

    \b
    hotspot keys account | ssh admin@10.20.1.2 sudo sh
    """
    inventory = node.revision().inventory
    user = inventory.controller.user
    if ap is not None:
        ap = one_of(inventory, ap, node.now)
        user = inventory.ap_by_id[ap][1].user or user
    if user == "root":
        where = f"the entry of {ap}" if ap else "[controller]"
        raise ConfigError(f'root logs in there: name an account, user = "nirkabel", in {where}')
    line = public_line(private_key(node, inventory), "nirkabel")
    script = accounts.script(user, line, node.keys.derive(signing.PURPOSE))
    node.answer({"user": user, "script": script})
    node.say(script)


@keys.command()
@pass_node
def tunnels(node: Node) -> None:
    """Print the lines for the relay's authorized_keys: what lets each access point with a tunnel listen on its port."""
    inventory = node.revision().inventory
    aps = [ap for _, ap in inventory.access_points() if ap.tunnel]
    lines = [authorized_line(node.settings.secret(tunnel_secret(ap)), ap) for ap in aps]
    node.answer({"lines": lines})
    for one in lines:
        node.say(one)
    if not lines:
        node.complain("no access point has a tunnel")


def _named_key(node: Node) -> str | None:
    """The reference in the active inventory; a key can be made before there is one."""
    try:
        return node.revision().inventory.controller.key
    except ConfigError:
        return None
    except PeerError as error:
        raise HotspotError(f"the store cannot tell which key is used: {error}") from error


@keys.command()
@click.option(
    "--without", multiple=True, metavar="SELECTOR", type=SELECTOR, help="Go on without: these know only the old key."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def rotate(node: Node, without: tuple[str, ...], yes: bool, dry_run: bool) -> None:
    """Give every adopted access point a new key of the controller, prove it there, and take the old one away.

    The old key stays in use until the new one has opened every access point; after a failure start it again.
    """
    if _named_key(node) is not None:
        raise ConfigError("controller.key names the key in sites.toml: it is not ours to change")
    inventory = node.revision().inventory
    path = key_path(node)
    old, fresh = private_key(node, inventory), path.with_name(f"{path.name}.next")
    with node.store.core.read() as connection:
        adopted = pushes.pinned(connection)
    left_out = set(select(inventory, without, node.now)) if without else set()
    wanted = trusted(inventory, adopted) & {*adopted, *select(inventory, (), node.now)} - left_out
    names = tuple(ap.id for _, ap in inventory.access_points() if ap.id in wanted)
    jobs = jobs_of(node, node.revision(), names, files=False) if names else []
    if dry_run:
        would(node, "would get a new key", jobs)
        return
    if not yes:
        click.confirm(f"Change the key on {len(jobs)} access points?", abort=True, err=True)
    if not fresh.exists():
        create_key(fresh)
    new = load_key(fresh.read_bytes())
    before, after = (Contact(key, inventory.controller.confirm) for key in (old, new))
    record_begin(node, "keys.rotate", jobs, fingerprint=fingerprint(public_line(new, "")))

    def proven(job: Job) -> Ran:
        ran = before.does(job, lambda hands: hands.let_in(old, new))
        return after.does(job, lambda hands: hands.prove()) if ran.outcome.good else ran

    ends, why = on_each(node, jobs, proven)
    if not all(ran.outcome.good for ran in ends):
        record_ends(node, "keys.rotate", ends)
        node.complain("the old key stays in use everywhere; start it again, or go on --without an access point")
        show_ends(node, ends, why)
    fresh.replace(path)  # from here on the new one is the controller's
    ends, why = on_each(node, jobs, lambda job: after.does(job, lambda hands: hands.shut_out(old, new)))
    record_ends(node, "keys.rotate", ends)
    show_ends(node, ends, why)
