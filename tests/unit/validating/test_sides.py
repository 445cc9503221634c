"""Which models and tasks are compared."""

from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.validating.scores import Part, TaskScores
from mmteb_synth.validating.sides import ModelKey, complete, paired, settled


def test_nothing_is_dropped_where_there_is_no_gap():
    block = complete({"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {}}, ["x", "y", "z"][:2])

    assert (block.tasks, block.models, block.dropped, block.incomplete) == (("x", "y"), ("a", "b"), {}, {})


def test_the_rarest_tasks_are_dropped_until_half_of_the_models_have_the_rest():
    scores = {"a": {"x": 1, "y": 1, "z": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 1}, "d": {"y": 1}}

    block = complete(scores, ["x", "y", "z"])

    assert block.tasks == ("x", "y")
    assert block.models == ("a", "c")
    assert block.dropped == {"z": 1}
    assert block.incomplete == {"b": ("y",), "d": ("x",)}


def test_named_tasks_stay():
    block = complete({"a": {"x": 1}, "b": {"x": 1}}, ["x", "y"], keep_all=True)

    assert (block.tasks, block.models) == (("x", "y"), ())


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=1),
        st.dictionaries(st.sampled_from("vwxyz"), st.just(0.5)),
    )
)
def test_a_block_has_no_gap(scores):
    block = complete(scores, "vwxyz")

    assert block.tasks
    assert all(set(block.tasks) <= set(scores[model]) for model in block.models)
    assert set(block.tasks) | set(block.dropped) == set("vwxyz")
    assert set(block.models) | set(block.incomplete) == {model for model, found in scores.items() if found}


def test_models_are_paired_by_revision_and_else_by_name():
    board = [
        ModelKey("org/a", "r1"),
        ModelKey("org/a", "r2"),
        ModelKey("Org/B", "local"),
        ModelKey("org/c", "r"),
    ]
    other = {
        ModelKey("org__a", "r1"): {"x": 0.1},
        ModelKey("org__a", "r2"): {"x": 0.2},
        ModelKey("org__b", "s1"): {"x": 0.3, "y": 0.3},
        ModelKey("org__b", "s2"): {"x": 0.4},
    }

    assert paired(board, other) == {
        board[0]: ModelKey("org__a", "r1"),
        board[1]: ModelKey("org__a", "r2"),
        board[2]: ModelKey("org__b", "s1"),
    }


def test_a_name_whose_revisions_differ_is_one_model():
    board = [ModelKey("org/a", "r1"), ModelKey("org/a", "r2")]

    assert paired(board, {ModelKey("org/a", "s"): {"x": 0.1}}) == {board[1]: ModelKey("org/a", "s")}


def test_scores_of_other_data_are_counted_and_left_out():
    def row(model, data, **splits):
        parts = {Part(split, "tr"): value for split, value in splits.items()}
        return TaskScores(model=model, revision="r", task="T", data=data, parts=parts)

    found = settled(
        [
            row("a", "d1", test=0.2, dev=0.4),
            row("b", "d1", test=0.6, dev=1.0),
            row("c", "d0", test=0.1, dev=0.1),
        ],
        {"T": "d1"},
    )

    assert {key.name: scores for key, scores in found.scores.items()} == {
        "a": {"T": 0.30000000000000004},
        "b": {"T": 0.8},
    }
    assert found.data == {"T": "d1"}
    assert found.parts == {"T": (("dev", "tr"), ("test", "tr"))}
    assert found.other_data == 1
