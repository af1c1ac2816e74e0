"""The limit: the finished answer to each question, in a dictionary, behind one call."""

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Question, World


def load(world: World) -> Loaded:
    """Write down all answers."""
    answers = {question[:5]: question.allowed for question in world.questions()}

    def ask(prepared: Prepared) -> bool:
        user, privilege, database, schema, table = prepared
        return answers[user, privilege, database, schema, table]

    return Loaded(prepare=lambda question: tuple(Question(*question)[:5]), ask=ask)
