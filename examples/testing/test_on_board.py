"""How to test your own script on a board: `pytest examples/testing`, or with --maix-port PORT."""

import pytest

SCRIPT = "def blend(a, b):\n    return (a + b) // 2\nprint('ready', blend(10, 20))"


@pytest.mark.requires("image")
def test_a_script_of_mine(board):
    assert board.exec(SCRIPT) == "ready 15\n"
    board.exec("import image\nimg = image.Image(size=(32, 24))\nimg.draw_rectangle(0, 0, 8, 8)")
    assert board.eval("img.get_pixel(0, 0)") == (255, 255, 255)


def test_a_person_at_the_prompt(repl):
    assert repl.says("6 * 7") == "42\n"
