"""A database that is away is the world's fault and worth another try; a wrong query is ours."""

import sqlite3

import psycopg
from sqlalchemy.exc import OperationalError, ProgrammingError

from chassis.problems import fault_of


def test_a_views_database_that_went_away_is_unavailable() -> None:
    gone = psycopg.OperationalError("server closed the connection unexpectedly")
    fault = fault_of(OperationalError("SELECT 1", {}, gone))
    assert fault is not None
    assert (fault.code, fault.slug) == ("UNAVAILABLE", "store-unavailable")


def test_a_restarting_database_is_unavailable() -> None:
    starting = psycopg.errors.CannotConnectNow("the database system is starting up")
    fault = fault_of(OperationalError("SELECT 1", {}, starting))
    assert fault is not None
    assert fault.code == "UNAVAILABLE"


def test_a_wrong_query_is_nobody_elses_fault() -> None:
    wrong = sqlite3.OperationalError("no such table: household")
    assert fault_of(OperationalError("SELECT 1", {}, wrong)) is None
    undefined = psycopg.errors.UndefinedTable("relation does not exist")
    assert fault_of(ProgrammingError("SELECT 1", {}, undefined)) is None
