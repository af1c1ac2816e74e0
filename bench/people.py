"""People who never lived, the same ones for the same seed, as rows of the users table."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

from tenantry.kernel.clock import uuid7
from tenantry.users.queries import COLUMNS
from tenantry.users.repository import derived

GIVEN = (
    "Ada Aiko Alan Amara Ana Anders Anja Arjun Asa Aylin Bao Beatriz Bela Bram Carla Chen Chidi "
    "Clara Dalia Dario Dina Edda Eero Elif Emil Esra Farid Femi Finn Frida Gael Greta Hana Hassan "
    "Hugo Ida Imre Ines Ivo Jana Jonas Jun Kaja Karim Kofi Lars Leila Lena Linus Luca Mai Malik "
    "Mara Mateo Mika Mina Nadia Naoki Nina Noor Olga Omar Otto Paula Pia Priya Rafael Rana Rosa "
    "Ruben Sana Sara Sena Silas Sofia Sven Tara Tomas Uma Vera Viggo Wanda Wei Yara Yusuf Zoe"
).split()
FAMILY = (
    "Abe Adeyemi Ahlberg Alvarez Andersen Aydin Bakker Banerjee Baptiste Bauer Becker Berg Bianchi "
    "Boateng Brandt Castro Cerny Chandra Chowdhury Costa Dahl Demir Diallo Dubois Dvorak Egger "
    "Eriksen Esposito Farkas Fischer Fontaine Forsberg Fujita "
    "Garcia Gruber Haddad Hansen Hashimoto Hernandez Hoffmann Horvat Ibrahim Ito Ivanova "
    "Jansen Jensen Johansson Kaplan Kato Keller Khan "
    "Kim Kimura Kovacs Kowalski Kraus Lange Larsen Lefebvre Lindqvist Lopez Maier Makinen Martins "
    "Mbeki Mendes Meyer Molnar Moreau Mori Mueller Nagy Nakamura Nielsen Novak Nowak Nyman Okafor "
    "Olsen Ortiz Osei Park Patel Pereira Petrov Pham Popescu Quist Rahman Ricci Rojas Romano Rossi "
    "Saito Santos Sato Schmidt Schneider Sharma Silva Simon Singh Sorensen Sousa Svensson Szabo "
    "Takahashi Tanaka Toth Tran Umarov Vargas Vasquez Virtanen Vogel Wagner Wang Weber Weiss "
    "Winter Wolf Yamada Yildiz Yilmaz Zeman Zhang Zimmermann"
).split()
DEPARTMENTS = [
    f"{what} {where}"
    for what in ("Sales", "Research", "Support", "Finance", "Legal")
    for where in ("North", "South", "East", "West", "Centre")
]
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)

Row = tuple[object, ...]


def rows(count: int, *, tenant_id: UUID, password_hash: str, prefix: str = "") -> Iterator[Row]:
    """That many rows in the order of ``queries.COLUMNS``; ``prefix`` keeps sets of them apart."""
    dice = random.Random(f"{count} {prefix}")
    for number in range(count):
        columns = _person(dice, number, count, prefix)
        columns |= {"tenant_id": tenant_id, "password_hash": password_hash}
        full = {**dict.fromkeys(COLUMNS), **columns, **derived(columns)}
        yield tuple(full[name] for name in COLUMNS)


def _person(dice: random.Random, number: int, count: int, prefix: str) -> dict[str, object]:
    given, family = dice.choice(GIVEN), dice.choice(FAMILY)
    username = f"{prefix}{given}.{family}{number}".lower()
    created = BEGIN + timedelta(days=700) * (number / count)
    status = _weighted(dice, active=94, inactive=3, deleted=2, suspended=1)
    return {
        "id": uuid7(created),
        "username": username,
        "email": f"{username}@{dice.choice(('example.com', 'example.org', 'mail.example'))}",
        "full_name": f"{given} {dice.choice(GIVEN)[0]}. {family}",
        "department": dice.choice(DEPARTMENTS) if dice.random() < 0.8 else None,
        "phone": f"+49{dice.randrange(10**9, 10**10)}" if dice.random() < 0.5 else None,
        "attributes": _attributes(dice),
        "role": "admin" if number % 5000 == 4999 else "user",
        "status": status,
        "need_password_change": dice.random() < 0.01,
        "resource_policy": "default",
        "totp_activated": number % 1000 == 500,
        "sudo_session_enabled": number % 10_000 == 5000,
        "created_at": created,
        "modified_at": created,
        "password_changed_at": created,
        **_seldom(number, created),
        "deleted_at": created if status == "deleted" else None,
    }


def _seldom(number: int, created: datetime) -> dict[str, object]:
    """What only some users have, each thing some others."""
    seldom: dict[str, object] = {}
    if number % 20 == 3:
        seldom |= {"container_uid": 10_000 + number, "container_main_gid": 10_000 + number % 5000}
    if number % 5000 == 7:
        seldom |= {"description": "Looks after the printers", "status_info": "moved-house"}
    if number % 3 == 0:
        seldom["last_login"] = created + timedelta(days=20)
    if number % 10 == 1:
        seldom["integration_name"] = f"ldap-{number}"
    return seldom


def _attributes(dice: random.Random) -> str:
    return json.dumps({"cost_centre": dice.randrange(400)} if dice.random() < 0.2 else {})


def _weighted(dice: random.Random, **shares: int) -> str:
    return dice.choice(list(chain.from_iterable([name] * share for name, share in shares.items())))
