"""The film of the first page: an image is annotated with a few clicks, and exported.

``PROMPTSEG_FILM=docs/images/studio/film.webp pytest tests/studio/browser/test_film.py`` makes it anew.
"""

import os
from pathlib import Path

from .conftest import mask_of
from .film import Film


def test_an_image_is_annotated_as_in_the_film(run_studio, new_page, tmp_path, monkeypatch):
    place = os.environ.get("PROMPTSEG_FILM")
    place = None if place is None else Path(place).resolve()
    monkeypatch.chdir(tmp_path)  # The page shows where the dataset is: in a film, not on which machine.
    with run_studio(labels=["coffee", "spoon"], out=Path("photos-studio")) as studio:
        page = new_page(studio).open()
        film = Film(page, taken=place is not None)
        _annotate(page, film)
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        film.save(place)


def _annotate(page, film):
    film.take(0.6)
    page.press("p")
    with page.page.expect_response("**/v1/segment"):
        film.over(215, 275)
    film.over(300, 170)
    page.page.wait_for_timeout(300)  # So long a person looks at the preview.
    film.take(0.8)
    page.click(300, 170)
    page.drafted()
    film.take(0.8)
    film.over(130, 270)  # The cup and the saucer are not meant.
    page.click(130, 270, button="right")
    page.drafted()
    film.take(0.8)
    coffee = page.accept()
    page.press("1")
    page.saved()
    film.take(0.8)

    page.press("r")
    left, top = page.on_screen(322, 62)
    right, bottom = page.on_screen(430, 330)
    film.move(left, top)
    page.page.mouse.down()
    film.move(right, bottom)
    page.page.mouse.up()
    page.drafted()
    film.take(0.8)
    page.accept()
    page.press("2")
    page.saved()
    film.take(0.9)

    page.press("Control+e")
    page.test_id("export-dialog").wait_for()
    film.take(0.8)
    page.test_id("export-go").click()
    page.test_id("download").wait_for()
    film.take(1.5)
    page.press("Escape", "Control+Enter")
    page.wait_until("studio => studio.state.open.name === 'mirrored.jpg' && studio.stage.settled")
    film.take(1.0)

    key = next(image["key"] for image in page.state["images"] if image["name"] == "coffee.jpg")
    objects = page.studio.client.get(f"/v1/studio/images/{key}").json()["document"]["objects"]
    assert [each["label"] for each in objects] == ["coffee", "spoon"]
    assert not mask_of(coffee["mask"]).array[270, 130]
