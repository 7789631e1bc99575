"""What a model does not take is told in words that its clients, and who started the server, can act on."""

from __future__ import annotations

import numpy as np
import pytest

from promptseg import Mask, Prompt
from promptseg.errors import IncompatibleStagesError, PromptError
from promptseg.pipeline.config import PipelineConfig
from promptseg.prompts import Concept
from promptseg.server.fitting import check_fit
from promptseg.server.operations import ServedModel

SPATIAL = frozenset({"point", "box", "mask", "everything"})
CONFIG = PipelineConfig()
CLICKS = ServedModel("clicks", SPATIAL | {"example"}, (), False, (), CONFIG, frozenset({"example"}))
WORDS = ServedModel("words", SPATIAL | {"example", "text"}, (), True, (), CONFIG, frozenset({"example"}), unprompted=True)
CLOSED = ServedModel("closed", SPATIAL | {"example", "text"}, ("cup", "cell phone"), True, (), CONFIG, frozenset(), unprompted=True)
BESIDE = ServedModel("beside", SPATIAL | {"example", "text"}, ("cup",), True, (), CONFIG, frozenset({"text"}), unprompted=True)
CONCEPTS = ServedModel("concepts", frozenset({"example", "text"}), (), True, (), CONFIG, frozenset({"example", "text"}))
BOX = Prompt.box(1, 1, 3, 3)
EXAMPLE = Prompt.example(None, BOX)


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        (CLICKS, Prompt.point(1, 1) + BOX + Prompt.mask(Mask.from_array(np.ones((4, 4), bool)))),
        (CLICKS, Prompt.everything()),
        (CLICKS, EXAMPLE),
        (WORDS, Prompt.text("cup")),
        (CONCEPTS, Prompt.text("cup") + EXAMPLE),
        (CLOSED, Prompt.text("cups", "phone")),
        (BESIDE, Prompt.text("roof")),
    ],
)
def test_what_a_model_takes_is_not_refused(model, prompt):
    check_fit(model, [prompt], [model])


def test_no_prompt_asks_a_detector_for_what_it_knows():
    check_fit(WORDS, [], [WORDS])


@pytest.mark.parametrize(
    ("model", "prompt", "told"),
    [
        (CLICKS, Prompt.text("cup"), "'clicks' takes no text: no model of this server does; it is started with --detector or --concept"),
        (CONCEPTS, Prompt.point(1, 1), "'concepts' takes no points: no model of this server does; it is started with --model"),
        (CONCEPTS, Prompt.point(1, 1) + BOX, "'concepts' takes no points or boxes: "),
        (CONCEPTS, Prompt.everything(), "'concepts' takes no everything mode: "),
        (
            WORDS,
            Prompt.text("cup") + EXAMPLE,
            "'words' takes no text with examples: no model of this server does; it is started with --concept",
        ),
    ],
)
def test_what_no_model_takes_names_the_option_of_the_server(model, prompt, told):
    with pytest.raises(IncompatibleStagesError) as caught:
        check_fit(model, [BOX, prompt] if model is CLICKS else [prompt], [model])
    assert told in str(caught.value)


def test_a_phrase_alone_as_a_concept_is_told_to_be_text_where_a_detector_takes_it():
    with pytest.raises(IncompatibleStagesError, match="'words' takes a phrase as a prompt of text, and not as a concept"):
        check_fit(WORDS, [Concept("cup")], [WORDS])
    with pytest.raises(IncompatibleStagesError, match="'clicks' takes no text: ask for the model 'concepts'"):
        check_fit(CLICKS, [Concept("cup")], [CLICKS, CONCEPTS])


def test_what_another_model_takes_names_that_model():
    for prompt, other in ((Prompt.text("cup"), "'words' or 'concepts'"), (Prompt.text("cup") + EXAMPLE, "'concepts'")):
        with pytest.raises(IncompatibleStagesError, match=rf"'clicks' takes no .*: ask for the model {other}$"):
            check_fit(CLICKS, [prompt], [CLICKS, WORDS, CONCEPTS])


@pytest.mark.parametrize(("models", "told"), [([CLICKS], "started with --detector"), ([CLICKS, WORDS], "ask for the model 'words'")])
def test_nothing_without_a_detector_is_nothing(models, told):
    with pytest.raises(PromptError, match=f"nothing to segment: send at least one prompt.*{told}"):
        check_fit(CLICKS, [], models)


def test_a_phrase_beyond_the_classes_of_a_detector_names_the_nearest():
    with pytest.raises(PromptError, match=r"'cellphon' names none of the 2 classes of this detector\. Similar classes: 'cell phone'"):
        check_fit(CLOSED, [Prompt.text("cup", "cellphon")], [CLOSED])
