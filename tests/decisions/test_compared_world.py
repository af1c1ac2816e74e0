"""The world in which engines are compared says of each question what is right."""

from bench.peers import bare_dict, ours
from bench.peers.world import DATABASES, Question, Size, World
from tenantry.decisions.facts import TenantFacts
from tenantry.privileges.model import DatabaseObject, Privilege
from tests.decisions import naive
from tests.decisions.naive import NaiveWorld

SIZE = Size(users=60, roles=50, questions=1500)


def by_the_rules(world: World) -> NaiveWorld:
    facts = ours.Facts(world)
    return NaiveWorld(
        users={user.id: user for user in facts.users()},
        roles={role.id: role for role in facts.roles()},
        tenants={ours.TENANT: TenantFacts(ours.TENANT)},
        databases={f"database{number}": ours.TENANT for number in range(DATABASES)},
    )


def test_its_answers_are_those_of_the_naive_model() -> None:
    world = World(SIZE)
    rules = by_the_rules(world)
    questions = set(world.questions())
    for question in questions:
        user, privilege, *place = ours.prepared(question)
        assert naive.allows(rules, user, privilege, DatabaseObject(*place), ours.NOW) is (
            question.allowed
        )
    # Of each enough, or agreeing would mean little.
    allowed = sum(question.allowed for question in questions)
    assert len(questions) / 4 < allowed < len(questions) * 3 / 4


def test_our_engine_and_the_dictionary_answer_so() -> None:
    world = World(SIZE)
    for load in (ours.load, ours.load_cached, bare_dict.load):
        engine = load(world)
        wrong = [q for q in world.questions() if engine.ask(engine.prepare(q)) is not q.allowed]
        assert wrong == []


def test_the_same_size_is_the_same_world() -> None:
    assert World(SIZE).questions() == World(SIZE).questions()
    assert isinstance(World(SIZE).questions()[0], Question)
    assert {question.privilege for question in World(SIZE).questions()} <= set(Privilege)
