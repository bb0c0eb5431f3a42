import re

import pytest
from openapi_spec_validator import validate

from serving.openapi import openapi_document, text
from serving.pages.views import choice_of, dimension, focus_of

DOCUMENT = openapi_document(50)
SCHEMAS = DOCUMENT["components"]["schemas"]
INPUTS = [name for name in SCHEMAS if name.endswith("Request")] + ["LeadToScore", "Touch"]


def walk(node, path=()):
    yield path, node
    if isinstance(node, dict):
        for name, child in node.items():
            yield from walk(child, (*path, name))
    elif isinstance(node, list):
        for place, child in enumerate(node):
            yield from walk(child, (*path, place))


def properties(names):
    """Yield every property of schemas, with where it stands."""
    for name in names:
        for path, node in walk(SCHEMAS[name], (name,)):
            if isinstance(node, dict) and len(path) > 1 and path[-2] == "properties":
                yield ".".join(map(str, path)), node


def resolved(node):
    while isinstance(node, dict) and "$ref" in node:
        node = SCHEMAS[node["$ref"].rsplit("/", 1)[-1]]
    return node


def depth(node):
    node = resolved(node)
    if node.get("type") == "array":
        return 1 + depth(node["items"])
    return 1 + max((depth(each) for each in node.get("properties", {}).values()), default=0)


def actions():
    return [(path, action) for path, each in DOCUMENT["paths"].items() for action in each.values()]


def test_it_is_a_valid_document():
    validate(DOCUMENT)


def test_the_copy_that_is_checked_in_is_this_one(root):
    assert (root / "docs" / "openapi.json").read_text("utf-8") == text(1000), "run: make contract"


def test_every_action_has_a_name_of_its_own_that_apex_accepts():
    names = [action["operationId"] for _, action in actions()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,39}", name) for name in names)


def test_it_holds_no_unions_and_no_enumerations():
    for path, node in walk(DOCUMENT):
        if isinstance(node, dict):
            assert not {"anyOf", "oneOf", "allOf", "enum", "not"} & set(node), path


def test_numbers_are_doubles_and_whole_numbers_small():
    for path, node in walk(DOCUMENT):
        if isinstance(node, dict) and node.get("type") == "number":
            assert node["format"] == "double", path
        if isinstance(node, dict) and "format" in node:
            assert node["format"] in ("double", "int32"), path


def test_descriptions_are_not_cut_off_by_salesforce():
    for path, node in walk(DOCUMENT):
        if path and path[-1] == "description" and isinstance(node, str):
            assert 0 < len(node) <= 1333, path


def test_lists_hold_one_type_and_nothing_is_deeper_than_15_levels():
    for path, node in walk(DOCUMENT):
        if isinstance(node, dict) and node.get("type") == "array":
            assert isinstance(node["items"], dict), path
    assert max(depth(schema) for schema in SCHEMAS.values()) <= 15


def test_every_action_speaks_json_alone_and_every_answer_has_a_shape():
    for path, action in actions():
        bodies = [action["requestBody"]] if "requestBody" in action else []
        for each in [*bodies, *action["responses"].values()]:
            assert list(each["content"]) == ["application/json"], path
            assert resolved(each["content"]["application/json"]["schema"])["type"] == "object"


def test_every_field_has_a_description_and_an_example():
    for where, node in properties(SCHEMAS):
        assert node.get("description"), where
        assert "example" in node, where
    for path, action in actions():
        for parameter in action.get("parameters", []):
            assert {"description", "example"} <= set(parameter), path


def test_every_field_of_a_request_has_its_limits():
    for where, node in properties(INPUTS):
        if node["type"] == "string":
            assert node["maxLength"] > 0, where
        elif node["type"] == "array":
            assert node["maxItems"] > 0, where
        elif node["type"] == "integer":
            assert {"minimum", "maximum"} <= set(node), where


def test_every_key_of_an_answer_is_required():
    for name in ("ScoreAnswer", "LeadScore", "Reason", "Written", "Refusal", "HorizonProbability"):
        assert set(SCHEMAS[name]["required"]) == set(SCHEMAS[name]["properties"])


@pytest.mark.parametrize("code", ["401", "403", "413", "422", "429", "503", "504"])
def test_every_action_says_what_may_go_wrong(code):
    for path, action in actions():
        if "requestBody" in action or code != "413":
            assert code in action["responses"], path


class Asked(dict):
    """A query that remembers what was looked up in it."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return default


@pytest.mark.parametrize(
    ("path", "read", "beside"),
    [
        ("/queue", choice_of, {"limit"}),
        ("/importance", focus_of, {"focus"}),
        ("/funnel", dimension, set()),
    ],
)
def test_every_parameter_that_is_read_is_described(path, read, beside):
    asked = Asked()
    read(asked)
    described = {each["name"] for each in DOCUMENT["paths"][path]["get"]["parameters"]}
    # `focus` is how the form of the page writes `by` and `value`.
    assert described - beside == asked.names - beside


def test_it_is_served(client):
    assert client.get("/openapi.json").json() == DOCUMENT
    assert "/score" in client.get("/docs.json").json()["paths"]
