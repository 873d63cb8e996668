"""MOTD, LUSERS and VERSION: the server about itself."""

from __future__ import annotations

import securechat
from securechat.protocol.message import Message
from securechat.protocol.replies import Numeric
from securechat.server.commands.base import Command
from securechat.server.context import Server
from securechat.server.session import Session
from securechat.server.welcome import isupport, lusers, motd

RPL_VERSION = Numeric("351")


async def motd_(server: Server, session: Session, message: Message) -> None:
    session.reply(*motd(server))


async def lusers_(server: Server, session: Session, message: Message) -> None:
    session.reply(*lusers(server))


async def version(server: Server, session: Session, message: Message) -> None:
    name = server.settings.server_name
    session.reply(
        RPL_VERSION(f"securechat-{securechat.__version__}", name, text="private group chat")
    )
    session.send(*isupport(server, session))


COMMANDS = (Command("MOTD", motd_), Command("LUSERS", lusers_), Command("VERSION", version))
