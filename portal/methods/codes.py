"""Logging in with a phone number: the code is asked for, sent, and entered, on pages that know nothing of each other.

Nothing of it is kept in the browser: iPhones close the login sheet, cookies and all, when somebody reads the message.
What is awaited stands in the store under the gateway, the phone's MAC address and the address it comes from, and the
next page asks for it; without the number, which an address of a device shows to nobody. Where anybody can have written
the MAC address, the page is the same whether a code is awaited or not, and has a button for whoever has one.
"""

import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Final

import phonenumbers
import structlog
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from sqlalchemy import Connection

from hotspot.catalogue import Catalogue
from hotspot.city.codes import CodesSection
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, PeerError, RequestError
from hotspot.nas.arrival import Arrival
from hotspot.people import one_time
from hotspot.people.identity import Keys
from hotspot.store.persons import challenges
from hotspot.store.persons.challenges import MessageState, Pending
from hotspot.typed import plain
from portal.desk import Desk

from .senders import Message, port

log = structlog.get_logger("portal")

_COUNTRY: Final = "ID"
_MOBILE: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
_LONGEST_NUMBER: Final = 40
_WAIT: Final = 2.5
"""Seconds that a page waits for the message gateway; then it says that the code is on its way."""
_THREADS: Final = 2
_LINE: Final = 16
"""Messages that wait for a thread. More means a gateway that hangs, and more waiting would help nobody."""


def code_key(keys: Keys) -> bytes:
    return keys.derive("one-time code")


def parse_number(text: str, prefixes: tuple[str, ...]) -> str:
    """A mobile number in E.164 form, typed as people do: 0812…, +62 812…, 62812…. RequestError("code-number").

    A letter is a slip, never the digit that a keypad has it on, and an extension is no mobile's: the code would go to
    somebody else.
    """
    typed = plain(text[:_LONGEST_NUMBER])
    if len(text) > _LONGEST_NUMBER or re.fullmatch(r"\+?[0-9 ()./-]+", typed) is None:
        raise RequestError("code-number")
    try:
        number = phonenumbers.parse(typed, _COUNTRY)
    except NumberParseException as error:
        raise RequestError("code-number") from error
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    mobile = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in _MOBILE
    if number.extension or not mobile or not written.startswith(prefixes):
        raise RequestError("code-number")
    return str(written)


class Outbox:
    """Sends messages from threads of its own, so that a slow gateway holds up no page for long."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._threads = ThreadPoolExecutor(_THREADS, "messages")
        self._room = threading.BoundedSemaphore(_THREADS + _LINE)

    def post(self, section: CodesSection, message: Message) -> MessageState:
        """What became of a message in the time that a page can wait: QUEUED while nobody knows."""
        if not self._room.acquire(blocking=False):
            self._note(message, MessageState.FAILED, "too many messages wait for the gateway")
            return MessageState.FAILED
        future: Future[MessageState] = self._threads.submit(self._send, section, message)
        future.add_done_callback(lambda _: self._room.release())
        try:
            return future.result(_WAIT)
        except Late:
            return MessageState.QUEUED

    def _send(self, section: CodesSection, message: Message) -> MessageState:
        try:
            port(section.sender, self._desk.settings).send(message)
        except (PeerError, ConfigError) as error:
            self._note(message, MessageState.FAILED, str(error))
            return MessageState.FAILED
        self._note(message, MessageState.SENT, "")
        return MessageState.SENT

    def _note(self, message: Message, state: MessageState, error: str) -> None:
        if error:
            log.warning("message not sent", message=message.id, error=error)
        try:
            with self._desk.store.core.write() as connection:
                challenges.sent(connection, message.id, state)
        except PeerError as away:
            log.error("message not recorded", message=message.id, error=str(away))


def ask(
    desk: Desk,
    outbox: Outbox,
    inventory: Inventory,
    catalogue: Catalogue,
    arrival: Arrival,
    number: str,
    language: str,
    now: int,
    sender: str,
) -> str:
    """Sends a code to `number`, as it was typed, or again to the one that is awaited (empty). Returns it in E.164 form.

    RequestError where the number is none of ours, a limit is reached or the gateway did not take the message.
    """
    section = inventory.codes
    place = challenges.door(desk.keys, arrival.gateway, arrival.mac, sender)
    with desk.store.core.write() as connection:
        awaited = None if number else _awaited(connection, desk.keys, place, now)
        to = awaited.number if awaited else parse_number(number, section.prefixes)
        sending = challenges.ask(
            connection, desk.keys, section, gateway=arrival.gateway, mac=arrival.mac, number=to, now=now,
            sender=sender, signed=arrival.proven,
        )  # fmt: skip
    code = one_time.code(code_key(desk.keys), sending.challenge)
    text = message_text(catalogue, inventory, language, code)
    state = outbox.post(section, Message(sending.message, sending.number, text, code))
    log.info("code asked for", gateway=arrival.gateway, state=state)
    if state is MessageState.FAILED:
        raise RequestError("code-not-sent")
    return to


def _awaited(connection: Connection, keys: Keys, place: bytes, now: int) -> Pending:
    found = challenges.pending(connection, keys, place, now)
    if found is None:
        raise RequestError("code-expired")
    return found


def message_text(catalogue: Catalogue, inventory: Inventory, language: str, code: str) -> str:
    """The message, with the line by which a browser that reads it offers the code to our page alone (WebOTP)."""
    minutes = one_time.LIFETIME // 60
    text = catalogue.text(language, "code.message", code=code, city=inventory.city.name, minutes=minutes)
    scheme, _, host = inventory.portal.url.partition("://")
    return f"{text}\n\n@{host} #{code}" if scheme == "https" else text


def pending(desk: Desk, arrival: Arrival, sender: str, now: int) -> Pending | None:
    """The code that this phone is awaited to enter."""
    place = challenges.door(desk.keys, arrival.gateway, arrival.mac, sender)
    with desk.store.core.read() as connection:
        return challenges.pending(connection, desk.keys, place, now)
