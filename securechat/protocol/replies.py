"""Replies: numerics by their names, standard replies, and how both are written.

Pure. Numerics and their parameters follow the Modern IRC Client Protocol ("Numerics"); ``FAIL``,
``WARN`` and ``NOTE`` follow the IRCv3 ``standard-replies`` specification. The first parameter of
a numeric, the client's nick, is put in where the reply is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from securechat.protocol.framing import LINE_BYTES_MAX, truncate

# What a text keeps of a line that quotes a long parameter of a client's.
_TEXT_BYTES_KEPT = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of an answer, not yet addressed to anybody.

    ``code`` is a numeric's three digits, or ``FAIL``, ``WARN`` or ``NOTE``. ``text`` of ``None``
    means that there is no trailing text.
    """

    code: str
    params: tuple[str, ...] = ()
    text: str | None = None

    def line(self, server: str, nick: str) -> str:
        """Return the line without CR LF, from ``server`` to ``nick``; what is too long is cut.

        Where a client's own mistake is quoted, a parameter may be anything: one that only the
        last place could hold is shown as ``*``, and one that leaves no room for the text is cut.
        """
        params = (nick, *self.params) if self.code.isdigit() else self.params
        head = " ".join((f":{server}", self.code, *map(_middle, params)))
        room = LINE_BYTES_MAX - 2
        if self.text is None:
            return truncate(head, room)
        room -= len(" :")
        head = truncate(head, room - min(len(self.text.encode()), _TEXT_BYTES_KEPT))
        return f"{head} :{truncate(self.text, room - len(head.encode()))}"


def _middle(param: str) -> str:
    return param if param and " " not in param and param[0] != ":" else "*"


class Numeric(NamedTuple):
    """A numeric and its usual text; calling it makes a reply with the given parameters."""

    code: str
    text: str | None = None

    def __call__(self, *params: str, text: str | None = None) -> Reply:
        return Reply(self.code, params, self.text if text is None else text)


def fail(command: str, code: str, *context: str, text: str) -> Reply:
    """Return ``FAIL <command> <code> [<context>…] :<text>`` (standard-replies)."""
    return Reply("FAIL", (command, code, *context), text)


def in_lines(words: Iterable[str], room: int, separator: str = " ") -> list[str]:
    """Join words into as few strings as fit into ``room`` bytes each; a longer word is alone."""
    lines: list[str] = []
    current: list[str] = []
    size = 0
    for word in words:
        cost = len(word.encode()) + len(separator)
        if current and size + cost > room + len(separator):
            lines.append(separator.join(current))
            current, size = [], 0
        current.append(word)
        size += cost
    if current:
        lines.append(separator.join(current))
    return lines


RPL_WELCOME = Numeric("001")
RPL_YOURHOST = Numeric("002")
RPL_CREATED = Numeric("003")
RPL_MYINFO = Numeric("004")
RPL_ISUPPORT = Numeric("005", "are supported by this server")
RPL_ENDOFSTATS = Numeric("219", "End of STATS report")
RPL_UMODEIS = Numeric("221")
RPL_STATSUPTIME = Numeric("242")
RPL_LUSERCLIENT = Numeric("251")
RPL_LUSEROP = Numeric("252", "operators online")
RPL_LUSERUNKNOWN = Numeric("253", "connections not logged in")
RPL_LUSERCHANNELS = Numeric("254", "channels formed")
RPL_LUSERME = Numeric("255")
RPL_ADMINME = Numeric("256", "Administrative info")
RPL_ADMINLOC1 = Numeric("257")
RPL_ADMINLOC2 = Numeric("258")
RPL_ADMINEMAIL = Numeric("259")
RPL_LOCALUSERS = Numeric("265")
RPL_GLOBALUSERS = Numeric("266")
RPL_AWAY = Numeric("301")
RPL_USERHOST = Numeric("302")
RPL_ISON = Numeric("303")
RPL_UNAWAY = Numeric("305", "You are no longer marked as being away")
RPL_NOWAWAY = Numeric("306", "You have been marked as being away")
RPL_WHOISUSER = Numeric("311")
RPL_WHOISSERVER = Numeric("312")
RPL_WHOISOPERATOR = Numeric("313", "is an administrator of this server")
RPL_WHOWASUSER = Numeric("314")
RPL_ENDOFWHO = Numeric("315", "End of WHO list")
RPL_WHOISIDLE = Numeric("317", "seconds idle, signon time")
RPL_ENDOFWHOIS = Numeric("318", "End of WHOIS list")
RPL_WHOISCHANNELS = Numeric("319")
RPL_LISTSTART = Numeric("321", "Users  Name")
RPL_LIST = Numeric("322")
RPL_LISTEND = Numeric("323", "End of LIST")
RPL_CHANNELMODEIS = Numeric("324")
RPL_CREATIONTIME = Numeric("329")
RPL_WHOISACCOUNT = Numeric("330", "is logged in as")
RPL_NOTOPIC = Numeric("331", "No topic is set")
RPL_TOPIC = Numeric("332")
RPL_TOPICWHOTIME = Numeric("333")
RPL_INVITELIST = Numeric("336")
RPL_ENDOFINVITELIST = Numeric("337", "End of INVITE list")
RPL_WHOISBOT = Numeric("335", "is a bot")
RPL_WHOISACTUALLY = Numeric("338", "is connecting from")
RPL_INVITING = Numeric("341")
RPL_INVEXLIST = Numeric("346")
RPL_ENDOFINVEXLIST = Numeric("347", "End of channel invite exception list")
RPL_EXCEPTLIST = Numeric("348")
RPL_ENDOFEXCEPTLIST = Numeric("349", "End of channel exception list")
RPL_VERSION = Numeric("351")
RPL_WHOREPLY = Numeric("352")
RPL_NAMREPLY = Numeric("353")
RPL_WHOSPCRPL = Numeric("354")
RPL_LINKS = Numeric("364")
RPL_ENDOFLINKS = Numeric("365", "End of LINKS list")
RPL_ENDOFNAMES = Numeric("366", "End of NAMES list")
RPL_BANLIST = Numeric("367")
RPL_ENDOFBANLIST = Numeric("368", "End of channel ban list")
RPL_ENDOFWHOWAS = Numeric("369", "End of WHOWAS")
RPL_INFO = Numeric("371")
RPL_MOTD = Numeric("372")
RPL_ENDOFINFO = Numeric("374", "End of INFO list")
RPL_MOTDSTART = Numeric("375")
RPL_ENDOFMOTD = Numeric("376", "End of MOTD command")
RPL_YOUREOPER = Numeric("381", "You are an administrator of this server")
RPL_REHASHING = Numeric("382", "Rehashing")
RPL_TIME = Numeric("391")
RPL_WHOISSECURE = Numeric("671", "is using a secure connection")
RPL_HELPSTART = Numeric("704")
RPL_HELPTXT = Numeric("705")
RPL_ENDOFHELP = Numeric("706")
RPL_MONONLINE = Numeric("730")
RPL_MONOFFLINE = Numeric("731")
RPL_MONLIST = Numeric("732")
RPL_ENDOFMONLIST = Numeric("733", "End of MONITOR list")
RPL_WHOISKEYVALUE = Numeric("760")
RPL_KEYVALUE = Numeric("761")
RPL_KEYNOTSET = Numeric("766", "key not set")
RPL_METADATASUBOK = Numeric("770")
RPL_METADATAUNSUBOK = Numeric("771")
RPL_METADATASUBS = Numeric("772")
RPL_METADATASYNCLATER = Numeric("774")
RPL_LOGGEDIN = Numeric("900")
RPL_SASLSUCCESS = Numeric("903", "SASL authentication successful")
RPL_SASLMECHS = Numeric("908", "are available SASL mechanisms")

ERR_NOSUCHNICK = Numeric("401", "No such nick/channel")
ERR_NOSUCHSERVER = Numeric("402", "No such server")
ERR_NOSUCHCHANNEL = Numeric("403", "No such channel")
ERR_CANNOTSENDTOCHAN = Numeric("404", "Cannot send to channel")
ERR_TOOMANYCHANNELS = Numeric("405", "You have joined too many channels")
ERR_WASNOSUCHNICK = Numeric("406", "There was no such nickname")
ERR_TOOMANYTARGETS = Numeric("407", "Too many targets")
ERR_NOORIGIN = Numeric("409", "No origin specified")
ERR_INVALIDCAPCMD = Numeric("410", "Invalid CAP command")
ERR_NORECIPIENT = Numeric("411", "No recipient given")
ERR_NOTEXTTOSEND = Numeric("412", "No text to send")
ERR_INPUTTOOLONG = Numeric("417", "Input line was too long")
ERR_UNKNOWNCOMMAND = Numeric("421", "Unknown command")
ERR_NOMOTD = Numeric("422", "MOTD File is missing")
ERR_NONICKNAMEGIVEN = Numeric("431", "No nickname given")
ERR_ERRONEUSNICKNAME = Numeric("432", "Erroneous nickname")
ERR_NICKNAMEINUSE = Numeric("433", "Nickname is already in use")
ERR_USERNOTINCHANNEL = Numeric("441", "They aren't on that channel")
ERR_NOTONCHANNEL = Numeric("442", "You're not on that channel")
ERR_USERONCHANNEL = Numeric("443", "is already on channel")
ERR_SUMMONDISABLED = Numeric("445", "SUMMON has been disabled")
ERR_USERSDISABLED = Numeric("446", "USERS has been disabled")
ERR_NOTREGISTERED = Numeric("451", "You have not registered: log in first")
ERR_NEEDMOREPARAMS = Numeric("461", "Not enough parameters")
ERR_ALREADYREGISTERED = Numeric("462", "You may not reregister")
ERR_PASSWDMISMATCH = Numeric("464", "Password incorrect")
ERR_LINKCHANNEL = Numeric("470", "The channel has been renamed")
ERR_CHANNELISFULL = Numeric("471", "Cannot join channel (+l)")
ERR_UNKNOWNMODE = Numeric("472", "is unknown mode char to me")
ERR_INVITEONLYCHAN = Numeric("473", "Cannot join channel (+i)")
ERR_BANNEDFROMCHAN = Numeric("474", "Cannot join channel (+b)")
ERR_BADCHANNELKEY = Numeric("475", "Cannot join channel (+k)")
ERR_BADCHANMASK = Numeric("476", "Bad Channel Mask")
ERR_BANLISTFULL = Numeric("478", "Channel list is full")
ERR_NOPRIVILEGES = Numeric("481", "Permission denied: you are not an administrator")
ERR_CHANOPRIVSNEEDED = Numeric("482", "You're not channel operator")
ERR_CANTKILLSERVER = Numeric("483", "You can't kill a server")
ERR_NOOPERHOST = Numeric("491", "Only administrators' accounts are operators")
ERR_UMODEUNKNOWNFLAG = Numeric("501", "Unknown MODE flag")
ERR_USERSDONTMATCH = Numeric("502", "Cannot change or view the modes of other users")
ERR_HELPNOTFOUND = Numeric("524", "No help available on this topic")
ERR_INVALIDMODEPARAM = Numeric("696")
ERR_NOPRIVS = Numeric("723", "Insufficient privileges")
ERR_MONLISTFULL = Numeric("734", "Monitor list is full")
ERR_NICKLOCKED = Numeric("902", "Your account is not available")
ERR_SASLFAIL = Numeric("904", "SASL authentication failed")
ERR_SASLTOOLONG = Numeric("905", "SASL message too long")
ERR_SASLABORTED = Numeric("906", "SASL authentication aborted")
ERR_SASLALREADY = Numeric("907", "You have already authenticated using SASL")
