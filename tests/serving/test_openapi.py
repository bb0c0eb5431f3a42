from openapi_spec_validator import validate

from serving.openapi import openapi_document

DOCUMENT = openapi_document(50)


def walk(node):
    yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from walk(child)


def test_it_is_a_valid_document():
    validate(DOCUMENT)


def test_every_action_has_a_name_of_its_own():
    names = [
        action["operationId"] for path in DOCUMENT["paths"].values() for action in path.values()
    ]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)


def test_it_holds_no_unions_and_no_enumerations():
    for node in walk(DOCUMENT):
        if isinstance(node, dict):
            assert not {"anyOf", "oneOf", "allOf", "enum"} & set(node)


def test_every_key_of_an_answer_is_required():
    for name in ("ScoreAnswer", "LeadScore", "Reason", "Written"):
        schema = DOCUMENT["components"]["schemas"][name]
        assert set(schema["required"]) == set(schema["properties"])


def test_it_is_served(client):
    assert client.get("/openapi.json").json() == DOCUMENT
    assert "/score" in client.get("/docs.json").json()["paths"]
