"""Options that the parser refuses: their value, what was expected, and the command that has them."""

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("segment a.png --points-per-side x", "'--points-per-side': expected a whole number, got 'x'"),
        ("segment a.png --threshold x", "'--threshold': expected a number, got 'x'"),
        ("track clip.mp4 --redetect-every 1.5", "'--redetect-every': expected a whole number, got '1.5'"),
        ("segment a.png --box", "'--box' requires an argument, such as X0,Y0,X1,Y1: give it after the option"),
        ("evaluate --out", "'--out' requires an argument, such as FILE.json: give it after the option"),
        ("segment a.png --redetect-every 3", "No such option: --redetect-every. It is an option of promptseg track\n"),
        ("convert a --text dog", "No such option: --text. It is an option of promptseg annotate, cutout, segment and track\n"),
        ("models --points-per-side 3", "No such option: --points-per-side. It is an option of promptseg annotate and segment\n"),
        ("segment a.png --pont 3,4", "No such option: --pont (Possible options: --json, --out, --point)"),
        ("weights path mini-sam --verify", "No such option: --verify"),
        ("weights fetch mini-sam --point 3,4", "No such option: --point"),
    ],
)
def test_the_parser_says_what_was_expected(run, words, message):
    done = run(*words.split())
    assert done.exit_code == 2
    assert message in done.stderr
