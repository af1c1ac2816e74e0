"""Makes the packaged list of common passwords, the same from the same sources every time.

    python scripts/common_passwords.py

The sources are the frequency lists of the package zxcvbn (MIT) and the rules below, after which
people make longer passwords from short ones: repeat a word, put a number or a year behind it, walk
over the keyboard, write a saying. An entry is folded (NFKC, casefold), as what is compared with it.
"""

import lzma
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

PACKAGED = Path(__file__).parents[1] / "src/tenantry/passwords/common_passwords.txt.xz"
SHORTEST, LONGEST = 8, 64
"""The platform's floor, and a length up to which somebody bothers to type a rule."""

YEARS = [str(year) for year in range(1960, 2031)]
RECENT = [str(year) for year in range(2015, 2031)]
NUMBERS = (
    "0 00 007 01 1 11 111 12 121 123 1234 12345 123456 1234567 12345678 123456789 1234567890 "
    "123123 1212 13 14 15 2 21 22 222 23 3 321 333 4321 5 54321 555 654321 666 69 7 77 777 8 88 "
    "888 9 987654321 99 999 0123456789 111111 112233 147258369 159753 789456123 11223344"
).split()
SIGNS = (
    "! !! !!! ? . * # @ $ 1! 1!! 12! 123! 1234! 12345! @1 @12 @123 @1234 #1 #123 _123 -123 123. "
    "123? 123$ 123#"
).split()
STEMS = (
    "password passwort passwd passw0rd p@ssword p@ssw0rd pa$$word pa$$w0rd passphrase passcode "
    "welcome welcome! changeme changeit letmein letmein! login signin secret topsecret private "
    "admin administrator root superuser user username guest test tester testing demo default "
    "temp temporary master access system server database computer internet security secure "
    "mypassword mypass yourpassword newpassword oldpassword thepassword password123 "
    "iloveyou iloveu loveyou lovelove qwerty qwertyuiop asdfgh asdfghjkl zxcvbnm qwertz azerty "
    "abcd abcde abcdef abcdefg abcdefgh abc123 a1b2c3 a1b2c3d4 aa123456 monkey dragon football "
    "baseball basketball superman batman spiderman starwars pokemon minecraft princess sunshine "
    "shadow michael jordan liverpool chelsea arsenal manchester barcelona america canada london "
    "google facebook youtube instagram microsoft windows android samsung apple iphone linux oracle "
    "company business office manager support service helpdesk student teacher school college"
).split()
SEASONS = (
    "spring summer autumn fall winter january february march april may june july august "
    "september october november december monday tuesday wednesday thursday friday saturday sunday "
    "christmas easter halloween newyear birthday vacation holiday"
).split()
ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "yxcvbnm",
        "abcdefghijklmnopqrstuvwxyz", "!@#$%^&*()")  # fmt: skip
COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/")
LACED = ("1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "a1s2d3f4g5h6j7k8l9", "z1x2c3v4b5n6m7",
         "1a2b3c4d5e6f7g8h9i0j", "a1b2c3d4e5f6g7h8i9j0", "1234qwerasdfzxcv", "qweasdzxc123",
         "qazwsxedcrfvtgbyhnujmikolp", "zaqxswcdevfrbgtnhymjukilop", "qweasdzxcrtyfghvbn",
         "asdfjkl;asdfjkl;", "147258369", "159357456", "741852963", "963852741")  # fmt: skip
SAYINGS = """
to be or not to be|to be or not to be that is the question|may the force be with you
the quick brown fox jumps over the lazy dog|the quick brown fox|i am your father
luke i am your father|live long and prosper|beam me up scotty|winter is coming
you know nothing jon snow|a lannister always pays his debts|valar morghulis|hodor hodor hodor
one ring to rule them all|you shall not pass|my precious|my precious ring|speak friend and enter
elementary my dear watson|frankly my dear i dont give a damn|heres looking at you kid
houston we have a problem|i will be back|ill be back|hasta la vista baby
say hello to my little friend|open sesame|open sesame please|abracadabra|hocus pocus
supercalifragilisticexpialidocious|bibbidi bobbidi boo|hakuna matata|hakuna matata forever
just keep swimming|to infinity and beyond|let it go let it go|once upon a time|happily ever after
the end is near|the cake is a lie|all your base are belong to us|do a barrel roll
its a secret to everybody|never gonna give you up|never gonna let you down|we are the champions
we will rock you|stairway to heaven|hotel california|bohemian rhapsody|smoke on the water
dark side of the moon|another brick in the wall|let it be|all you need is love
hey jude dont make it bad|yellow submarine|imagine all the people|i want to break free
dont worry be happy|dont stop believing|sweet child of mine|highway to hell|thunderstruck
back in black|nothing else matters|enter sandman|smells like teen spirit|in god we trust
god bless america|god is good all the time|god is love|god is great|jesus is lord|jesus loves me
jesus christ|jesus is my savior|jesus saves|praise the lord|thank you jesus|thank you lord
the lord is my shepherd|in jesus name|i love jesus|i love god|god first|trust in god
faith hope love|live laugh love|live love laugh|carpe diem|veni vidi vici|cogito ergo sum
alea iacta est|memento mori|no pain no gain|just do it|just do it now|yes we can
make america great again|make love not war|keep calm and carry on|keep it simple stupid
time is money|knowledge is power|practice makes perfect|an apple a day|early to bed early to rise
better late than never|home sweet home|money is everything|the sky is the limit|dream big
follow your dreams|never give up|never look back|never say never|one two three four
one two three four five|one two three|two three four five|onetwothreefourfive|four three two one
abc def ghi|alpha beta gamma|do re mi fa sol|eins zwei drei vier|un deux trois quatre|i love you
i love you so much|i love you forever|i love you baby|i love you always|i love my life
i love my family|i love my mom|i love my mother|i love my dad|i love my kids|i love my wife
i love my husband|i love my dog|i love my cat|i love my boyfriend|i love my girlfriend
i love chocolate|i love music|i love pizza|i love football|i love money|i love cats|i love dogs
i love coffee|i love beer|i love summer|i hate you|i hate passwords|i hate this|i hate my job
i hate work|i hate mondays|i hate school|fuck you|fuck this shit|fuck you bitch|fuck off
fuck you all|kiss my ass|go to hell|shut up|eat my shorts|bite me|let me in|let me in please
let me in now|please let me in|let me in already|open the door|open up|change me|change me now
change me please|change this|change this password|change your password|this is my password
this is a password|this is the password|this is not my password|my password
my password is password|my password is secret|my new password|my old password|my secret password
my super secret password|my very secret password|super secret password|top secret password
secret password|secure password|very secure password|strong password|a strong password
a good password|good password|best password ever|the best password|the password is password
the password|the new password|new password|new password please|another password
yet another password|password please|password required|enter password|enter password here
enter your password|type your password here|your password here|insert password here
forgot my password|i forgot my password|forgot password|forgotten password|i dont know my password
dont forget your password|no password|no password needed|no more passwords|what is my password
what is the password|guess my password|guess what|you will never guess|nobody knows|not a password
passwords suck|i need a password|password for everything|one password|password one
password is password|password password|pass word|pass phrase|passphrase|test password
testing password|temporary password|default password|admin password|root password|user password
guest password|administrator password|company password|work password|office password|home password
email password|wifi password|bank password|facebook password|google password|gmail password
hello password|hello world|hello kitty|hello there|hello goodbye|hello hello|hello my name is
hello how are you|how are you|good morning|good night|good luck|good bye|thank you
thank you very much|you are welcome|welcome home|welcome back|welcome to my world
welcome to the jungle|what the hell|what the fuck|who am i|who are you|who is your daddy|whats up
whats up doc|what does the fox say|where are you|why so serious|why me|how to train your dragon
game of thrones|lord of the rings|harry potter|star wars|star trek|the big bang theory
breaking bad|the walking dead|pirates of the caribbean|captain america|iron man|spider man
wonder woman|black panther|the dark knight|mickey mouse|donald duck|bugs bunny|bart simpson
homer simpson|scooby doo|sponge bob|spongebob squarepants|angry birds|super mario|call of duty
grand theft auto|world of warcraft|league of legends|counter strike|final fantasy|legend of zelda
assassins creed|need for speed|red dead redemption|dungeons and dragons|manchester united
manchester city|real madrid|fc barcelona|bayern munich|borussia dortmund|new york yankees
new york giants|boston red sox|chicago bulls|chicago bears|chicago cubs|los angeles lakers
dallas cowboys|green bay packers|pittsburgh steelers|new england patriots|san francisco giants
golden state warriors|miami dolphins|denver broncos|red sox nation|go steelers|go cowboys
united states of america|united kingdom|new york city|los angeles|san francisco|las vegas
south africa|correcthorsebatterystaple|monkeymonkeymonkey|trustno1trustno1|blink182blink182
thereisnospoon
""".strip()
LEET = (
    str.maketrans("aeios", "@3!0$"),
    str.maketrans("aeio", "@310"),
    str.maketrans("aeios", "43105"),
    str.maketrans("ao", "@0"),
    str.maketrans("o", "0"),
    str.maketrans("e", "3"),
    str.maketrans("i", "1"),
    str.maketrans("a", "@"),
    str.maketrans("s", "$"),
)
GUIDES = (
    "secure_password123 secure_password456 admin_password789 new_secure_password123 "
    "temp_password123 MySecure123! AdminPass123!"
).split()
"""Samples that the guides print as fit."""


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def repeated(piece: str) -> Iterator[str]:
    """The piece over and over, as long as somebody would."""
    for times in range(2, 1 + max(2, 32 // len(piece))):
        yield piece * times


def counted(words: Iterable[str], numbers: Iterable[str]) -> Iterator[str]:
    """Each word with each of the numbers behind it."""
    chosen = list(numbers)
    for word in words:
        for number in chosen:
            yield word + number


def leet(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        for table in LEET:
            changed = word.translate(table)
            if changed != word:
                yield changed


def walks() -> Iterator[str]:
    """Lines over the keyboard and the alphabet, from any start, there and back."""
    lines = [*ROWS, *(a + b for a in ROWS[:7] for b in ROWS[:7] if a != b)]
    lines += ["".join(ROWS[n] for n in order) for order in ((0, 1, 2), (1, 2, 3), (0, 1, 2, 3))]
    lines += ["".join(COLUMNS), "".join(reversed(COLUMNS)), *LACED]
    lines += ["".join(column[::-1] for column in COLUMNS)]
    for line in lines:
        for way in (line, line[::-1]):
            for start in range(min(len(way), 10)):
                for end in range(start + SHORTEST, len(way) + 1):
                    yield way[start:end]
            yield from repeated(way)
            yield from ((way * 4)[:n] for n in range(SHORTEST, 33))
    for n in range(3, 10):
        yield from repeated("1234567890"[:n])
        yield from repeated("987654321"[:n])
        yield from repeated("abcdefghij"[:n])
        yield from repeated("qwertyuiop"[:n])
        yield from repeated("asdfghjkl"[:n])
    for character in "abcdefghijklmnopqrstuvwxyz0123456789.-_*!?#":
        yield from (character * n for n in range(SHORTEST, 33))
    for a in "0123456789":
        for b in "0123456789":
            yield from repeated(a + b)
            yield from repeated(a * 2 + b * 2)
            yield a * 4 + b * 4
            yield a * 8 + b * 8
    for line in ("aabbccddeeffgghh", "abcabcabc", "112233445566778899", "aaabbbcccddd",
                 "111222333444555666", "aaaabbbbcccc", "111122223333444455556666"):  # fmt: skip
        yield from (line[:n] for n in range(SHORTEST, len(line) + 1))


def sayings() -> Iterator[str]:
    for saying in re.split(r"[|\n]", SAYINGS):
        joined = saying.replace(" ", "")
        for form in {saying, joined, saying.replace(" ", "-"), saying.replace(" ", "_")}:
            yield form
            yield from (form + end for end in ("!", ".", "1", "12", "123", "1234", "123456", "!1"))


def candidates() -> Iterator[str]:
    known = FREQUENCY_LISTS["passwords"]
    words = [word for word in known if word.isalpha() and len(word) >= 4]
    names = [
        name
        for kind in ("male_names", "female_names", "surnames")
        for name in FREQUENCY_LISTS[kind][:250]
        if len(name) >= 3
    ]
    yield from known
    for word in known[:4000]:
        yield from repeated(word)
    for word in [*names, *STEMS, *SEASONS]:
        yield from repeated(word)
    yield from counted([*words[:300], *STEMS], [*NUMBERS, *SIGNS])
    yield from counted([*names, *words[:150], *STEMS, *SEASONS], YEARS)
    yield from counted(names, NUMBERS)
    yield from counted(
        (s + y for s in SEASONS for y in RECENT), ["!", "!!", "@", "#", ".", "$", "1"]
    )
    yield from counted((s + y for s in STEMS for y in RECENT), ["!", "!!", "@", "#", "."])
    yield from counted(
        leet([*words[:200], *STEMS]), ["", "1", "12", "123", "1234", "!", "123!", "1!"]
    )
    yield from (before + name for before in ("ilove", "iloveyou", "mynameis") for name in names)
    yield from (a + b for a in words[:60] for b in words[:60])
    yield from (a + b for a in STEMS[:60] for b in STEMS[:60])
    yield from walks()
    yield from sayings()


def entries() -> list[str]:
    """All entries, each once, in order."""
    folded = {fold(candidate) for candidate in candidates()}
    fit = {entry for entry in folded if SHORTEST <= len(entry) <= LONGEST and entry.isprintable()}
    return sorted(fit - {fold(sample) for sample in GUIDES})


def packed() -> bytes:
    """The list as it is packaged, one entry a line."""
    text = "\n".join(entries()).encode()
    return lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    PACKAGED.write_bytes(packed())
