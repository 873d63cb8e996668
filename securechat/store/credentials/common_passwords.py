"""Passwords that everybody tries first: the list that NIST SP 800-63B-4 section 3.1.1 asks for.

Lower case and at least eight characters. ``password_rules`` also looks a password up without its
spaces and punctuation and without digits at its end, and finds repetitions and keyboard runs by
itself; so a short list goes a long way, all the more where a password has fifteen characters.
"""

from __future__ import annotations

_WORDS = """
1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 abc12345
abcd1234 abcdefgh abcdefghi abcdefghij access14 admin123admin admin@123 adminadmin
administrator administratoradministrator adminpassword alexander alexandra allblacks
amsterdam anthony1 arsenal1 arsenalfc asdf1234 asdfasdf asdfghjk asdfghjkl august2024
autumn2024 babygirl babygurl barcelona baseball basketball batman123 beautiful benjamin
bestfriend bestfriends bismillah blahblah blessing blink182 bluebird broncos1 brooklyn
buster123 butterfly california carolina catherine champion changeit changeme changemenow
changemeplease changethispassword charlie1 charlotte chatchat chatroom cheesecake chelsea1
chelseafc chester1 chicago1 chocolate christian christina christine christmas christopher
cinderella clifford cocacola computer computers confidential controller cookiemonster
cooldude correct-horse-battery-staple correcthorsebatterystaple courtney cowboys1 crystal1
cupcakes dallascowboys danielle darkness darkside december default1 defaultpassword
destiny1 dinosaur distance doglover dolphins donotenter dontforget dragon123 dragonball
dragonballz eclipse1 einstein elephant elizabeth emmanuel enterpassword enterprise everyone
evolution facebook familyfirst fernando fireball firebird firefighter flamingo florence
flower123 football footballfootball footballs forever1 forgetmenot forgotpassword formula1
franklin freedom1 freepass friends1 friendsforever friendship fuckoff1 fuckyou1
fuckyouasshole fuckyoufuckyou gabriel1 gangster garfield generalhospital george12 gfhjkm123
ginger12 gladiator godblessyou godisgood godislove goldfish goodluck goodmorning goodnight
google123 guardian guestguest guitar12 hannah12 happiness happy123 happybirthday hardcore
harrypotter hello123 hellohello hellokitty helloworld hollywood hotstuff hunter12
hunter2hunter2 ihateyou ilovegod ilovehim ilovejesus ilovemyfamily ilovemylife ilovemymom
ilovemyself iloveyou iloveyoubaby iloveyouforever iloveyouiloveyou iloveyoumom
iloveyousomuch iloveyoutoo imissyou infinity internet internetinternet invisible ironman1
isabella jackson1 james007 jasmine1 jennifer jessica1 jesus777 jesuschrist jesusislord
jesuslovesme jonathan jordan23 josephine juventus katherine kimberly kingkong knickers
knight12 kristina lakers24 lawrence letmein1 letmeinletmein letmeinnow letmeinpassword
letmeinplease liverpool liverpoolfc login123 loginlogin logitech london12 loveforever
lovelife lovelove loveyou1 lovinglife madison1 magic123 manchester manchesterunited
marathon marlboro marseille master12 mastermaster matthew1 maverick maxwell1 maymay12
mercedes merlin12 metallica michael1 michaeljackson michelle microsoft midnight millenium
minecraft mississippi missyou1 mohammed monday12 monkey12 monkeymonkey monster1
motherfucker mountain mustang1 mybirthday myfamily mylovely mynewpassword mypassword
mypasswordismypassword mysecret mysecretpassword myspace1 nanotech naruto12 natalie1
national nevermind newpassword newyork1 newyorkyankees nicholas nintendo nirvana1
nopassword nothing1 notpassword november october1 olivia12 omsairam onelove1
onetwothreefourfive openopen opensesame orange12 p@ssw0rd p@ssword pa$$w0rd pa$$word
paladin1 panasonic panthers paradise passpass passphrase passport passw0rd password
password! password. passwordis passwordispassword passwordone passwordpassword
passwordsecurechat passwort passwortpasswort patricia patriots peaches1 peanut12 pennywise
pepper12 personal phoenix1 pictures piglet12 playboy1 playstation please12 pleaseletmein
pokemon1 pokemongo poohbear portugal precious prettygirl prince12 princesa princess
private1 puppylove purple12 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 q1w2e3r4t5y6u7i8 qazwsxedc
qwer1234 qwerty12 qwerty123qwerty qwertyqwerty qwertyui qwertyuiop rainbow1 rammstein
rastafari realmadrid remember rememberme richard1 robinson rockstar rockyou1 ronaldo7
rootpassword rootroot rosebud1 runescape rush2112 samantha samsung1 samuel12 santiago
scarface scooter1 scorpion sebastian secret12 secretpassword secretsecret securechat
securepassword security september servus12 shadow12 shannon1 sherlock shopping silver12
simpsons skateboard slipknot snickers snowball snowman1 soccer12 softball something
sometimes southpark spiderman spongebob squirrel stargate startrek starwars starwarsfan
stephanie stephen1 strawberry summer12 summertime sunflower sunshine sunshinesunshine
superman supermansuperman supernatural supersecret supersecretpassword supersecure
superstar sweetheart sweetness swordfish sysadmin system12 teamwork teddybear telephone
temporary temppassword tennessee terminator test1234 testing1 testing123 testpassword
testtest testtesttest thankyou thebeatles theonlyone thepassword thisisapassword
thisisasecret thisismypassword thisisnotapassword threeblindmice thunder1 tigers12
tinkerbell titanic1 tottenham toyota12 trinity1 trustno1 trustnoone turtle12 twilight
undertaker unicorns unitedstates universe username userpassword usuckballz1 vacation
valentina valentine vampires vanessa1 veronica victoria viktoria vladimir volleyball
warcraft welcome1 welcome123 welcomehome welcometochat welcomewelcome westside whatever
whateverwhatever whatsapp whocares wildcats william1 williams winner12 winter2024 wolverine
wonderful wordpass worldofwarcraft xxxxxxxx yankees1 yellow12 youknowit yourpassword
zaq12wsx zaq1zaq1 zeppelin zxcvbnm1 zxcvbnmasd
"""

COMMON = frozenset(_WORDS.split())
