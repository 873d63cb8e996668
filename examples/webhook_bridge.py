"""Says in a channel what programs post by HTTP: builds, monitors, forges.

python examples/webhook_bridge.py ACCOUNT HOST PASSWORD_FILE SECRET_FILE CHANNEL [CA_FILE]

    curl -H "X-Webhook-Secret: $(cat secret)" --data '{"text": "Build 7 failed"}' localhost:8080

It listens on this machine's loopback alone: put a web server with TLS before it for programs from
elsewhere. Who posts must know the secret, which comes from a file and is compared in constant time.
The answer is 204 when the message is stored, so whoever gets another one can try again; 400 for
what is no such JSON, 401 for a wrong secret, 405 for another method, 413 for more than 16 KiB, 503
where the chat cannot be reached.

Needs h11: ``pip install h11``.
"""

from __future__ import annotations

import hmac
import json
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import h11
import trio

from securechat.client import Client, connect
from securechat.client.errors import NotSent

PORT = 8080
BODY_BYTES_MAX = 16384
SECRET_CHARACTERS_MIN = 16
REQUEST_SECONDS = 10  # for a whole request to arrive, and for the answer to be taken
SAY_SECONDS = 30
CONNECTIONS_MAX = 50
HEADER = b"x-webhook-secret"


class BadRequest(Exception):
    """A request that is answered with this status and not done."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Bridge:
    """What posts are said by, and where; ``secret`` is what they must know."""

    client: Client
    channel: str
    secret: str = field(repr=False)
    room: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(CONNECTIONS_MAX))

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Answer one request, then close."""
        async with stream, self.room:
            connection = h11.Connection(h11.SERVER)
            try:
                try:
                    with trio.fail_after(REQUEST_SECONDS):
                        text = await self._read(stream, connection)
                    status = await self._say(text)
                except BadRequest as bad:
                    status = bad.status
                except h11.RemoteProtocolError as error:
                    status = error.error_status_hint
                if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    with trio.fail_after(REQUEST_SECONDS):
                        await stream.send_all(_answer(connection, status))
            except (trio.TooSlowError, trio.BrokenResourceError):
                return  # gone, or too slow to wait for

    async def _read(self, stream: trio.abc.Stream, connection: h11.Connection) -> str:
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    await stream.send_all(connection.send(go_on) or b"")
                connection.receive_data(bytes(await stream.receive_some(4096)))
            elif isinstance(event, h11.Request):
                self._admit(event)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    raise BadRequest(413)
            elif isinstance(event, h11.EndOfMessage):
                return _text_of(bytes(body))
            else:
                raise BadRequest(400)

    def _admit(self, request: h11.Request) -> None:
        given = [value for name, value in request.headers if name == HEADER]
        if len(given) != 1 or not hmac.compare_digest(given[0], self.secret.encode()):
            raise BadRequest(401)
        if request.method != b"POST":
            raise BadRequest(405)

    async def _say(self, text: str) -> int:
        try:
            await self.client.say(self.channel, text, seconds_max=SAY_SECONDS)
        except ValueError:
            return 400  # no text that can be said
        except NotSent:
            return 503
        return 204


def _text_of(body: bytes) -> str:
    try:
        posted = json.loads(body)
    except ValueError:
        raise BadRequest(400) from None
    text = posted.get("text") if isinstance(posted, dict) else None
    if not isinstance(text, str):
        raise BadRequest(400)
    return text


def _answer(connection: h11.Connection, status: int) -> bytes:
    headers = [("connection", "close")]
    if status != 204:  # which has none (RFC 9110, "Content-Length")
        headers.append(("content-length", "0"))
    if status == 405:
        headers.append(("allow", "POST"))
    response = connection.send(h11.Response(status_code=status, headers=headers)) or b""
    return response + (connection.send(h11.EndOfMessage()) or b"")


def read_secret(path: Path) -> str:
    """Return the secret in a file. Raises ``SystemExit`` where it is too short to be one."""
    secret = path.read_text(encoding="utf-8").strip()
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise SystemExit(f"The secret in {path} has less than {SECRET_CHARACTERS_MIN} characters.")
    return secret


async def _ignore_events(client: Client) -> None:
    async for _ in client:
        pass


async def main(arguments: list[str]) -> None:
    """Connect, and serve until the client ends."""
    account, host, password_file, secret_file, channel, *ca = arguments
    password = (await trio.Path(password_file).read_text()).strip()
    secret = read_secret(Path(secret_file))
    cafile = Path(*ca) if ca else None
    async with connect(host, account=account, password=password, cafile=cafile) as client:
        client.set_bot()
        await client.join(channel)
        bridge = Bridge(client, channel, secret)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.serve_tcp, bridge.serve, PORT, host="127.0.0.1"))
            await _ignore_events(client)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    trio.run(main, sys.argv[1:])
