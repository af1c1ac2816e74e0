"""Runs statements on a MariaDB as its client does, where a machine has none.

What comes from the standard input is run statement by statement, as it comes.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator

import pymysql


def main() -> None:
    """Read the options that our pages use, and run what is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-defaults", action="store_true")
    parser.add_argument("-S", dest="socket", required=True)
    parser.add_argument("-u", dest="user", required=True)
    parser.add_argument("-e", dest="statements")
    parser.add_argument("-D", dest="database")
    given = parser.parse_args()
    try:
        connection = pymysql.connect(
            unix_socket=given.socket,
            user=given.user,
            password=os.environ.get("MYSQL_PWD", ""),
            database=given.database,
            autocommit=True,
        )
        for statement in statements(sys.stdin if given.statements is None else [given.statements]):
            with connection.cursor() as cursor:
                cursor.execute(statement)
                show([[column[0] for column in cursor.description or ()], *cursor.fetchall()])
    except pymysql.MySQLError as error:
        sys.exit(f"ERROR {error.args[0]} {error.args[-1]}")


def statements(lines: Iterable[str]) -> Iterator[str]:
    """The statements in the lines; the last one needs no semicolon."""
    text = ""
    for line in lines:
        text += line
        *whole, text = text.split(";")
        yield from whole
    if text.strip():
        yield text


def show(rows: Iterable[Iterable[object]]) -> None:
    """The rows with tabs between, at once."""
    for row in rows:
        line = "\t".join(str(value) for value in row)
        if line:
            print(line, flush=True)


if __name__ == "__main__":
    main()
