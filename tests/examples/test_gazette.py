"""The gazette: exact annotation, disjoint worlds, the promised kinds of hardness, the same bytes every time."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.gazette import fillers
from examples.gazette.broken import BROKEN_FILES, BROKEN_LINES, near_duplicate
from examples.gazette.choices import Chooser
from examples.gazette.documents import compose
from examples.gazette.draft import gold_record
from examples.gazette.generate import Summary, generate, main
from examples.gazette.names import NameMaker
from examples.gazette.ontology import ENTITY_TYPES, RELATION_TYPES, SYMMETRIC
from examples.gazette.phrases import PHRASES
from examples.gazette.settings import GazetteSettings
from examples.gazette.world import World, build_world

ROOT = Path(__file__).parents[2]
SMALL = replace(GazetteSettings.smoke(), train=250, dev_passages=120, test_passages=240, broken_long_line_bytes=50_000)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("gazette"), SMALL)


@pytest.fixture(scope="module")
def gold(written: Summary) -> list[dict[str, Any]]:
    return _read(written.folder / "gold.jsonl")


@pytest.fixture(scope="module")
def knowledge(written: Summary) -> list[dict[str, Any]]:
    return _read(written.folder / "knowledge_base.jsonl")


@pytest.fixture(scope="module")
def training_texts(written: Summary) -> list[str]:
    lines = (written.folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line not in BROKEN_LINES]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world("train", 200, NameMaker(random.Random(1), []), SMALL)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_same_settings_give_the_same_bytes_in_two_processes(tmp_path: Path) -> None:
    digests = []
    for hash_seed in ("0", "4711"):
        out = tmp_path / hash_seed
        command = [sys.executable, "-m", "examples.gazette.generate", "--out", str(out), "--smoke"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 8


def test_another_seed_gives_another_corpus(written: Summary, tmp_path: Path) -> None:
    generate(tmp_path, replace(SMALL, seed=8))
    assert (tmp_path / "gold.jsonl").read_bytes() != (written.folder / "gold.jsonl").read_bytes()


def test_surfaces_stand_where_the_offsets_say(gold: list[dict[str, Any]]) -> None:
    for record in gold:
        for entity in record["entities"]:
            mentions = [record["text"][m["start"] : m["end"]] for m in entity["mentions"]]
            assert record["text"][entity["start"] : entity["end"]] == entity["text"] == max(mentions, key=len)
            assert entity["start"] == entity["mentions"][mentions.index(entity["text"])]["start"]


def test_mentions_do_not_overlap_and_none_is_forgotten(
    gold: list[dict[str, Any]], knowledge: list[dict[str, Any]]
) -> None:
    names = {
        record["text"][mention["start"] : mention["end"]]
        for record in gold
        for entity in record["entities"]
        for mention in entity["mentions"]
    }
    names |= {name for line in knowledge for end in ("head", "tail") for name in [line[end], *line[f"{end}_aliases"]]}
    longest_first = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
    pattern = re.compile(rf"(?<!\w)(?:{longest_first})(?!\w)")
    for record in gold:
        spans = sorted((m["start"], m["end"]) for e in record["entities"] for m in e["mentions"])
        assert [match.span() for match in pattern.finditer(record["text"])] == spans


def test_evidence_is_whole_sentences_that_name_both_ends(gold: list[dict[str, Any]]) -> None:
    two_sentences = 0
    for record in gold:
        mentions = {entity["id"]: entity["mentions"] for entity in record["entities"]}
        for relation in record["relations"]:
            start, end = relation["evidence"]["start"], relation["evidence"]["end"]
            evidence = record["text"][start:end]
            assert evidence.endswith(".") and (start == 0 or record["text"][start - 1] in " \n")
            assert start == 0 or record["text"][:start].rstrip(" ")[-1] in ".\n"
            two_sentences += evidence.count(".") == 2
            assert evidence.count(".") <= 2
            for key in ("head_id", "tail_id"):
                assert any(start <= m["start"] and m["end"] <= end for m in mentions[relation[key]])
    assert two_sentences > 0


def test_relations_point_to_entities_and_respect_the_signatures(gold: list[dict[str, Any]]) -> None:
    seen: Counter[str] = Counter()
    for record in gold:
        entities = {entity["id"]: entity for entity in record["entities"]}
        keys = [(r["head_id"], r["type"], r["tail_id"]) for r in record["relations"]]
        assert len(set(keys)) == len(keys)
        for relation in record["relations"]:
            head, tail = entities[relation["head_id"]], entities[relation["tail_id"]]
            assert (relation["head"], relation["tail"]) == (head["text"], tail["text"])
            assert (head["type"], tail["type"]) == RELATION_TYPES[relation["type"]][:2]
            seen[relation["type"]] += 1
    assert set(seen) == set(RELATION_TYPES)


def test_worlds_share_no_names(
    gold: list[dict[str, Any]], knowledge: list[dict[str, Any]], training_texts: list[str]
) -> None:
    training_words = set(re.findall(r"\w+", "\n".join(training_texts)))
    held_out = [(entity["type"], entity["text"]) for record in gold for entity in record["entities"]]
    for line in knowledge:
        for end in ("head", "tail"):
            if not line[f"{end}_id"].startswith("train"):
                held_out += [(line[f"{end}_type"], name) for name in [line[end], *line[f"{end}_aliases"]]]
    for type_, name in held_out:
        words = name.split()
        own = words[-1:] if type_ in ("person", "city", "country") else words
        assert not set(own) <= training_words, name


def test_the_ontology_file_is_complete(written: Summary) -> None:
    ontology = yaml.safe_load((written.folder / "ontology.yaml").read_text(encoding="utf-8"))
    assert set(ontology["entity_types"]) == set(ENTITY_TYPES) and len(ENTITY_TYPES) == 8
    assert len(ontology["relation_types"]) == 20
    for relation in ontology["relation_types"].values():
        assert relation["description"]
        assert all(end in ENTITY_TYPES for signature in relation["signatures"] for end in signature)
    symmetric = [name for name, relation in ontology["relation_types"].items() if relation.get("symmetric")]
    assert tuple(symmetric) == SYMMETRIC


def test_the_knowledge_base_lacks_facts_and_holds_unstated_ones(
    written: Summary, gold: list[dict[str, Any]], knowledge: list[dict[str, Any]], training_texts: list[str]
) -> None:
    coverage = written.shares["facts in the knowledge base (of facts)"]
    assert coverage == pytest.approx(SMALL.knowledge_base_coverage, abs=0.001)
    known = {(line["head"], line["relation"], line["tail"]) for line in knowledge}
    assert not any((t, r, h) in known for h, r, t in known if r in SYMMETRIC)
    stated = [(r["head"], r["type"], r["tail"]) for record in gold for r in record["relations"]]
    missing = [fact for fact in stated if fact not in known and (fact[2], fact[1], fact[0]) not in known]
    assert missing
    everything = "\n".join([*training_texts, *(record["text"] for record in gold)])
    assert any(line["head"] not in everything and not line["head_aliases"] for line in knowledge)


def test_entities_of_a_known_fact_meet_without_it(gold: list[dict[str, Any]], knowledge: list[dict[str, Any]]) -> None:
    known = {(line["head"], line["tail"]): line["relation"] for line in knowledge}
    wrong = 0
    for record in gold:
        stated = {(r["head"], r["tail"]) for r in record["relations"]}
        texts = [entity["text"] for entity in record["entities"]]
        wrong += sum((h, t) in known and not {(h, t), (t, h)} & stated for h in texts for t in texts)
    assert wrong > len(gold) // 10


def test_every_promised_hardness_occurs(written: Summary) -> None:
    assert [name for name, share in written.shares.items() if not 0 < share < 1] == []
    assert written.counts["training documents"] == SMALL.train


def test_enough_gold_passages(gold: list[dict[str, Any]]) -> None:
    held: Counter[str] = Counter()
    for record in gold:
        body = [line for line in record["text"].split("\n") if line.endswith(".")]
        held[record["split"]] += -(-sum(len(re.findall(r"\.(?= |$)", line)) for line in body) // 3)
    assert held["dev"] >= SMALL.dev_passages
    assert held["test"] >= SMALL.test_passages


def test_unusable_documents_are_there(written: Summary) -> None:
    contents = {name: (written.folder / name).read_bytes() for name in BROKEN_FILES}
    assert contents["empty.txt"] == b""
    assert b"\0" in contents["nul.txt"]
    with pytest.raises(UnicodeDecodeError):
        contents["latin1.txt"].decode("utf-8")
    assert len(contents["one_line.txt"]) >= SMALL.broken_long_line_bytes
    assert not re.search(rb"[.!?\n]", contents["one_line.txt"])
    lines = (written.folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(lines.count(line) == 1 for line in BROKEN_LINES)


@pytest.mark.parametrize("seed", range(20))
def test_a_near_duplicate_differs_little(seed: int) -> None:
    text = "Kelda, 12 March - Anna Verlin works for Talvik.\nTalvik had no comment."
    copy = near_duplicate(text, random.Random(seed))
    assert copy != text
    assert sum(line in text.split("\n") for line in copy.split("\n")) >= 1
    assert copy.count("\n") <= text.count("\n") + 1


@pytest.mark.parametrize("relation", RELATION_TYPES)
def test_each_relation_is_said_in_many_ways(relation: str) -> None:
    phrasing = PHRASES[relation]
    kinds = (phrasing.active, phrasing.passive, phrasing.apposition, phrasing.prenominal, phrasing.nominal)
    assert all(len(kind) >= 2 for kind in kinds)
    for kind in kinds:
        for phrase in kind:
            assert sorted(re.findall(r"\{\w+\}", phrase)) == ["{h}", "{t}"], phrase
    assert all(phrase.startswith(("{h}", "{t}")) for phrase in phrasing.active + phrasing.passive + phrasing.apposition)
    assert all(phrase.endswith(("{h}", "{t}")) for phrase in phrasing.prenominal)
    for phrase in phrasing.many:
        assert sorted(re.findall(r"\{\w+\}", phrase)) in (["{h}", "{ts}"], ["{hs}", "{t}"]), phrase


def test_phrases_of_different_relations_differ() -> None:
    """Within a signature, no phrase may state two relations: gold would be a coin toss."""
    owner: dict[tuple[str, str, str], str] = {}
    for relation, phrasing in PHRASES.items():
        for kind in vars(phrasing).values():
            for phrase in kind:
                assert owner.setdefault((*RELATION_TYPES[relation][:2], phrase), relation) == relation, phrase


def test_sentences_without_facts_fit_their_types() -> None:
    assert set(fillers.PREDICATES) == set(ENTITY_TYPES)
    for templates in fillers.COOCCURRENCES.values():
        assert all(sorted(re.findall(r"\{\w+\}", template)) == ["{a}", "{b}"] for template in templates)
    for templates in (*fillers.HEDGES.values(), *fillers.DENIALS.values()):
        assert all(sorted(re.findall(r"\{\w+\}", template)) == ["{h}", "{t}"] for template in templates)
    assert set(fillers.HEDGES) | set(fillers.DENIALS) <= set(RELATION_TYPES)


def test_what_is_denied_is_not_so(world: World) -> None:
    chooser = Chooser(world, random.Random(2))
    drawn = 0
    for fact in world.facts:
        for denied in (chooser.untrue(fact), chooser.other_relation(fact)):
            if denied is not None:
                drawn += 1
                assert denied not in world.facts_about[denied.head.key]
    assert drawn > len(world.facts) // 2


def test_documents_state_only_what_holds_and_each_fact_once(world: World) -> None:
    for seed in range(50):
        draft = compose(world, random.Random(seed), SMALL)
        facts = [statement.fact for statement in draft.statements]
        assert len(set(facts)) == len(facts)
        assert all(world.holds(*fact) for fact in facts)


def test_a_factless_corpus_states_nothing(world: World) -> None:
    settings = replace(SMALL, factless_documents=1.0)
    for seed in range(30):
        assert gold_record(compose(world, random.Random(seed), settings), "d", "dev")["relations"] == []


def test_a_world_holds_each_fact_once_with_the_right_types(world: World) -> None:
    assert len(set(world.facts)) == len(world.facts)
    for head, relation, tail in world.facts:
        assert (head.type, tail.type) == RELATION_TYPES[relation][:2]
        assert head != tail
        assert relation not in SYMMETRIC or not world.holds(tail, relation, head)


def test_a_short_form_means_one_person_within_a_document() -> None:
    settings = replace(SMALL, shared_surname=0.9, short_form=1.0, short_form_first=0.5)
    crowded = build_world("train", 30, NameMaker(random.Random(1), []), settings)
    for seed in range(200):
        record = gold_record(compose(crowded, random.Random(seed), settings), "d", "dev")
        people = [entity for entity in record["entities"] if entity["type"] == "person"]
        surfaces = [{record["text"][m["start"] : m["end"]] for m in person["mentions"]} for person in people]
        assert sum(map(len, surfaces)) == len(set().union(*surfaces))


def test_some_names_are_ambiguous(world: World) -> None:
    bearers = Counter((form.text, e.type) for e in world.entities for form in e.forms)
    assert any(count > 1 for (_, type_), count in bearers.items() if type_ == "person")
    cities = {form.text for city in world.of_type["city"] for form in city.forms}
    assert any(form.text in cities for company in world.of_type["company"] for form in company.forms)


@pytest.mark.parametrize(
    "wrong", [{"pronoun": 1.5}, {"train": 0}, {"cooccurrence": 0.9}, {"active": 0.9, "passive": 0.9}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^gazette: "):
        GazetteSettings(**wrong)


def test_the_program_prints_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path / "new" / "folder"), "--smoke", "--train", "20"]) == 0
    printed = capsys.readouterr().out
    assert "20  training documents" in printed and "co-occurrence of related" in printed


@pytest.mark.parametrize("arguments", [["--out", "{file}"], ["--out", "{folder}", "--train", "-3"]])
def test_the_program_says_what_is_wrong(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    filled = [a.format(file=tmp_path / "file", folder=tmp_path / "out") for a in arguments]
    assert main([*filled, "--smoke"]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "Traceback" not in error
