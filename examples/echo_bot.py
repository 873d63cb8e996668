"""Answers everybody who names it with their own words.

python examples/echo_bot.py ACCOUNT HOST PASSWORD_FILE
"""

import sys

import trio

from securechat.client import Client, connect, events


async def echo(client: Client) -> None:
    client.set_bot()
    async for event in client:
        if isinstance(event, events.Said) and event.mention and not event.bot:
            await client.say(event.conversation, event.text, reply_to=event.msgid)


async def main(account: str, host: str, password_file: str) -> None:
    password = (await trio.Path(password_file).read_text()).strip()
    async with connect(host, account=account, password=password) as client:
        await echo(client)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
