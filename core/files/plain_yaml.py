"""YAML of settings: plain values only, of a size and depth that settings have, and every key once."""

from __future__ import annotations

from typing import Any

import yaml

LARGEST = 1 << 17
"""Characters of a file or value: a second of reading."""
DEEPEST = 50
MOST_VALUES = 20_000
"""With each alias counted as what it stands for: ten lines of aliases to aliases are a billion values."""
LONGEST_NUMBER = 400
"""Characters; Python takes seconds for numbers of a million digits."""
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class NotPlain(ValueError):
    """YAML that is no settings, or none that anybody writes."""


def read_yaml(text: str) -> Any:
    """Dictionaries, lists, texts, numbers, dates. `NotPlain` for everything else, with the place where there is one."""
    if len(text) > LARGEST:
        raise NotPlain(f"more than {LARGEST} characters")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _count_values(node, 1, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise NotPlain(f"more than {DEEPEST} levels") from error
    except NotPlain:
        raise
    # ValueError: an impossible date. PyYAML itself fails in many ways at a tag before a value that does not fit it.
    except (yaml.YAMLError, ValueError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise NotPlain(" ".join(str(error).split())) from error


class _Loader(yaml.SafeLoader):
    """A second value of one key is an error, where YAML would take the last one."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        # Before the composer counts levels, the scanner takes seconds for a hundred thousand brackets.
        if self.flow_level >= DEEPEST:
            raise NotPlain(f"more than {DEEPEST} levels")
        super().fetch_flow_collection_start(TokenClass)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is no text", key_node.start_mark)
            key = (key_node.tag, key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _count_values(node: Any, depth: int, counted: dict[int, int]) -> int:
    """Values in `node`; each alias counts. `counted`: of the nodes that are known, by id; 0 while one is counted."""
    if depth > DEEPEST:
        raise NotPlain(f"more than {DEEPEST} levels")
    if isinstance(node, yaml.ScalarNode):
        if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
            raise NotPlain(f"line {node.start_mark.line + 1}: a number of {len(node.value)} characters")
        return 1
    if id(node) not in counted:
        counted[id(node)] = 0
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        total = 1
        for one in inner:
            total += _count_values(one, depth + 1, counted)
            if total > MOST_VALUES:
                raise NotPlain(f"more than {MOST_VALUES} values")
        counted[id(node)] = total
    if counted[id(node)] == 0:
        raise NotPlain("a value that contains itself")
    return counted[id(node)]
