# SPDX-License-Identifier: MIT
"""Every call of MaixPy's image, sensor and lcd, as scripts write it: what it gives or says.

The rows say what MaixPy's documentation and scripts expect; docs/api.md has what differs, and why.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from microkpu.virtual.camera import Camera
from microkpu.virtual.chips.pictures import Pictures

from .image_support import encoded, scene

pytestmark = pytest.mark.virtual_only("needs a camera and a display of the usual kind")
ME = "is_me"  # the image itself, so that calls can be chained
NEW = "is_new"  # another image
OK = "None"

SETUP = """
import image, sensor, lcd, gc, io
def fresh(gray=False):
    global img, g
    img = image.Image(size=(32, 24))
    g = image.Image(size=(16, 16)).to_grayscale()
def walk(rows):
    for row in rows:
        fresh()
        try:
            value = eval(row)
            me = row.startswith("g.") and g or img
            new = isinstance(value, image.Image)
            kind = value is me and "is_me" or new and "is_new" or repr(value)
        except Exception as e:
            kind = "!" + type(e).__name__ + " " + str(e)
        print(kind.replace("\\n", " "))
"""

IMAGE = [
    # Image(...)
    ("(image.Image().width(), image.Image().height())", "(320, 240)"),
    ("image.Image(size=(40, 30)).size()", "2400"),
    ("image.Image('/flash/a.jpg').size()", "9600"),
    ("image.Image('/flash/a.bmp').format()", "2"),
    ("image.Image('/flash/a.jpg', copy_to_fb=True).format()", "2"),
    ("image.Image('/flash/gray.jpg').format()", "4"),
    ("image.Image(open('/flash/a.jpg', 'rb')).width()", "80"),
    ("image.Image(open('/flash/a.jpg', 'rb').read(), from_bytes=True).height()", "60"),
    ("image.Image('/flash/a.png')", "!ValueError"),
    ("image.Image('/flash/none.jpg')", "!OSError [Errno 2] ENOENT"),
    ("image.Image(size=(8000, 8000))", "!MemoryError"),
    ("str(image.Image())", '\'{"w":320, "h":240, "type"="rgb565", "size":153600}\''),
    # pixels, slices, the buffer protocol
    ("img[0]", "(0, 0, 0)"),
    ("g[0]", "0"),
    ("img[0:2]", "((0, 0, 0), (0, 0, 0))"),
    ("exec('img[0] = (255, 0, 0)') or img[0]", "(255, 0, 0)"),
    ("exec('g[0:2] = [1, 2]') or g[0:3]", "(1, 2, 0)"),
    ("img[::2]", "!ValueError"),
    ("img[9999]", "!IndexError"),
    ("bytes(img)[:2], len(img)", "(b'\\x00\\x00', 768)"),
    ("memoryview(img)[0]", "0"),
    ("(img.width(), img.height(), img.format(), img.size())", "(32, 24, 2, 1536)"),
    ("g.format()", "4"),
    ("img.get_pixel(1, 2)", "(0, 0, 0)"),
    ("img.get_pixel((1, 2), rgbtuple=False)", "0"),
    ("g.get_pixel(1, 2)", "0"),
    ("img.get_pixel(99, 0)", "None"),
    ("img.set_pixel(1, 2)", ME),
    ("img.set_pixel((1, 2), (255, 0, 0)).get_pixel(1, 2)", "(255, 0, 0)"),
    ("img.set_pixel(1, 2, color=(255, 0, 0)).get_pixel(1, 2)", "(255, 0, 0)"),
    # the two buffers
    ("img.pix_to_ai()", OK),
    ("img.ai_to_pix()", OK),
    ("g.pix_to_ai()", OK),
    # sizes and kinds
    ("img.resize(16, 12)", NEW),
    ("img.resize(64, 48).size()", "6144"),
    ("img.cut(30, 20, 8, 8)", NEW),
    ("img.copy()", NEW),
    ("img.copy((0, 0, 8, 8), 0.5, 0.5).width()", "4"),
    ("img.copy(roi=(0, 0, 8, 8), x_scale=2, y_scale=1, copy_to_fb=False).width()", "16"),
    ("img.crop((0, 0, 8, 8))", ME),
    ("img.crop(roi=(0, 0, 8, 8), copy=True)", NEW),
    ("img.to_grayscale()", ME),
    ("img.to_grayscale(copy=True)", NEW),
    ("img.to_rgb565()", ME),
    ("g.to_rgb565()", "!OSError Can't convert to rgb565 in place!"),
    ("g.to_rgb565(copy=True).format()", "2"),
    ("img.to_rainbow()", ME),
    ("g.to_rainbow(copy=True)", NEW),
    ("img.to_bytes()[:3]", "bytearray(b'\\x00\\x00\\x00')"),
    # files
    ("img.compress(quality=50)", ME),
    ("img.compress(50).format()", "5"),
    ("img.compressed(50)", NEW),
    ("img.compressed(quality=90).format()", "5"),
    ("img.save('/flash/o.jpg', quality=80)", ME),
    ("img.save('/flash/o.bmp', roi=(0, 0, 8, 8))", ME),
    ("image.Image('/flash/o.bmp').width()", "8"),
    # drawing: flat and in a tuple, names, and names that nobody knows
    ("img.clear()", ME),
    ("img.draw_line(0, 0, 9, 9, (255, 0, 0), 2)", ME),
    ("img.draw_line((0, 0, 9, 9), color=lcd.RED, thickness=2)", ME),
    ("img.draw_rectangle(0, 0, 9, 9, (255, 0, 0), 2, True)", ME),
    ("img.draw_rectangle((0, 0, 9, 9), color=(9, 9, 9), thickness=1, fill=False, tickness=5)", ME),
    ("img.draw_circle(9, 9, 5, (255, 0, 0), 2, True)", ME),
    ("img.draw_circle((9, 9, 5), color=(255, 0, 0), thickness=2, fill=False)", ME),
    ("img.draw_ellipse(9, 9, 5, 3, 45)", ME),
    ("img.draw_ellipse((9, 9, 5, 3, 45), color=(1, 2, 3), thickness=1, fill=True)", ME),
    ("img.draw_string(0, 0, 'hi', (255, 0, 0), 2)", ME),
    ("img.draw_string((0, 0, 'hi'), color=9, scale=1.5, x_spacing=1, y_spacing=0,"
     " mono_space=0)", ME),
    ("img.draw_cross(5, 5, (1, 2, 3), 5, 1)", ME),
    ("img.draw_cross((5, 5), color=(1, 2, 3), size=5, thickness=1)", ME),
    ("img.draw_arrow(0, 0, 9, 9, (1, 2, 3), 10, 1)", ME),
    ("img.draw_image(g, 0, 0)", ME),
    ("img.draw_image(g, (0, 0), x_scale=0.5, y_scale=0.5, alpha=128, mask=g)", ME),
    ("img.draw_font(0, 0, 8, 8, b'12345678', (255, 0, 0), 1)", ME),
    # changes
    ("img.conv3((0, 0, 0, 0, 1, 0, 0, 0, 0))", OK),
    ("img.conv3([0, 0, 0, 0, 1, 0, 0, 0, 0])", OK),
    ("g.stretch(0, 255)", OK),
    ("g.strech_char(1)", OK),
    ("img.invert()", ME),
    ("img.negate()", ME),
    ("img.replace(image.Image(size=(32, 24)), hmirror=True)", ME),
    ("img.blend(image.Image(size=(32, 24)), alpha=10)", ME),
    ("img.binary([(0, 50)])", ME),
    ("img.binary([(0, 50)], invert=True, zero=True)", ME),
    ("img.rotation_corr(0, 0, 90)", ME),
    ("img.rotation_corr(x_rotation=1, y_rotation=2, z_rotation=3, x_translation=1,"
     " y_translation=1, zoom=1.2, fov=60)", ME),
    ("img.rotation_corr(corners=[(0, 0), (20, 0), (20, 20), (0, 20)])", ME),
    # finding
    ("img.find_blobs([(0, 100, -128, 127, -128, 127)])[0][0:4]", "(0, 0, 32, 24)"),
    ("img.find_blobs([(0, 100)])[0][4]", "768"),
    ("[v() for v in [getattr(img.find_blobs([(0, 100)])[0], n) for n in"
     " 'x y w h pixels cx cy code count rect area density'.split()]]",
     "[0, 0, 32, 24, 768, 15, 11, 1, 1, (0, 0, 32, 24), 768, 1.0]"),
    ("len(img.find_blobs([(0, 100)], roi=(0, 0, 8, 8), x_stride=1, y_stride=1,"
     " area_threshold=1, pixels_threshold=1, merge=True, margin=2))", "1"),
    ("img.find_blobs([(90, 100)])", "[]"),
    ("len(img.get_histogram().l_bins())", "101"),
    ("len(g.get_histogram().bins())", "256"),
    ("len(g.get_histogram(bins=8)[0])", "8"),
    ("g.get_histogram().get_percentile(0.5).value()", "0"),
    ("g.get_histogram().get_threshold().value()", "0"),
    ("img.get_histogram().get_statistics().l_mean()", "0"),
    ("[getattr(g.get_statistics(), n)() for n in"
     " 'mean median mode stdev min max lq uq'.split()]", "[0, 0, 0, 0, 0, 0, 0, 0]"),
    ("[getattr(img.get_statistics(), c + n)() for c in ('l_', 'a_', 'b_')"
     " for n in 'mean median mode stdev min max lq uq'.split()]", str([0] * 24)),
    ("len(tuple(img.get_statistics()[i] for i in range(24)))", "24"),
    # the module's functions
    ("image.rgb_to_lab((255, 0, 0))[0]", "53"),
    ("image.lab_to_rgb((0, 0, 0))", "(0, 0, 0)"),
    ("image.rgb_to_grayscale((255, 255, 255))", "255"),
    ("image.grayscale_to_rgb(5)", "(5, 5, 5)"),
    ("[int(v) for v in image.get_affine_transform([(0, 0), (8, 8)], [(0, 0), (8, 8)])]",
     "[1, 0, 0, 0, 1, 0, 0, 0, 1]"),
    ("image.get_affine_transform([(0, 0)] * 11, [(0, 0)] * 11)", "!ValueError"),
    ("image.warp_affine_ai(img, image.Image(size=(8, 8)), (1, 0, 0, 0, 1, 0, 0, 0, 1))", OK),
    ("[i.pix_to_ai() for i in (img, g)] and"
     " image.warp_affine_ai(img, g, (1, 0, 0, 0, 1, 0, 0, 0, 1))",
     "!ValueError src_img->bpp != dst_img->bpp"),
    ("image.warp_affine_ai(img, img, (1, 0, 0, 0, 1, 0, 0, 0, 1))", "!ValueError"),
]  # fmt: skip

# What is not here: each with what to do instead.
ABSENT = {
    "img.": (
        "find_qrcodes find_barcodes find_apriltags find_datamatrices find_features find_eye"
        " find_lbp find_keypoints find_template find_circles find_rects find_lines"
        " find_line_segments get_regression flood_fill find_edges gaussian laplacian morph mean"
        " add sub mul div min max difference mean_pool midpoint_pool lens_corr to_bitmap erode"
        " dilate open close top_hat black_hat b_and b_or b_xor median mode midpoint bilateral"
        " histeq gamma_corr cartoon remove_shadows chrominvar illuminvar linpolar logpolar"
        " get_similarity find_displacement dump_roi draw_keypoints compress_for_ide"
    ),
    "image.": (
        "ImageReader ImageWriter font_load font_free UTF8 ASCII HaarCascade load_descriptor"
        " save_descriptor match_descriptor SEARCH_EX SEARCH_DS EDGE_CANNY EDGE_SIMPLE"
        " CORNER_FAST CORNER_AGAST TAG36H11 EAN13"
    ),
}

SIZES = (
    "QQCIF QCIF CIF QQSIF QSIF SIF QQQQVGA QQQVGA QQVGA QVGA VGA HQQQVGA HQQVGA HQVGA B64X32"
    " B64X64 B128X64 B128X128 B240X240 LCD QQVGA2 WVGA WVGA2 SVGA SXGA UXGA"
)
SENSOR = [
    ("sensor.snapshot()", "!TypeError not found sensor"),
    ("sensor.reset(choice=2)", "!OSError Reset Failed"),
    ("sensor.reset()", OK),
    ("sensor.reset(freq=24000000, set_regs=True, dual_buff=False, choice=0)", OK),
    ("sensor.snapshot()", "!RuntimeError Not init!"),
    ("sensor.set_pixformat(sensor.RGB565)", "True"),
    ("sensor.set_framesize(sensor.QVGA)", OK),
    ("sensor.get_fb()", OK),
    ("sensor.run(1)", "True"),
    ("sensor.snapshot().size()", "153600"),
    ("sensor.snapshot(update_jb=False).format()", "2"),
    ("sensor.get_fb().size()", "153600"),
    ("sensor.skip_frames()", OK),
    ("sensor.skip_frames(2)", OK),
    ("sensor.skip_frames(n=1)", OK),
    ("sensor.skip_frames(time=40)", OK),
    ("(sensor.width(), sensor.height(), sensor.get_id())", "(320, 240, 9794)"),
    ("sensor.set_pixformat(sensor.GRAYSCALE, set_regs=True)", "True"),
    ("sensor.snapshot().format()", "4"),
    ("sensor.set_pixformat(sensor.YUV422)", "True"),
    ("sensor.set_pixformat(99)", "!ValueError"),
    ("sensor.set_framesize(sensor.QVGA, set_regs=True)", OK),
    ("sensor.set_framesize(sensor.UXGA)", "!OSError [Errno 12] ENOMEM"),
    (f"len(set(getattr(sensor, n) for n in {SIZES!r}.split()))", "26"),
    ("[sensor.set_framerate(n) for n in (2, 8, 15, 25, 30, 60)]", str([True] * 6)),
    ("sensor.set_windowing((224, 224))", "True"),
    ("(sensor.width(), sensor.height())", "(224, 224)"),
    ("sensor.set_windowing((8, 8, 224, 224))", "True"),
    ("sensor.set_windowing((1, 2, 3))",
     "!ValueError The tuple/list must either be (x, y, w, h) or (w, h)"),
    ("sensor.set_windowing((4, 4))", "!ValueError The selected window is too small"),
    ("sensor.set_windowing((400, 224))",
     "!ValueError The selected window is outside the bounds of the frame"),
    ("sensor.set_windowing((100, 100))", "!ValueError value must be multiple of 8"),
    ("sensor.set_framesize(sensor.QVGA)", OK),
    ("(sensor.width(), sensor.height())", "(320, 240)"),
    ("[sensor.set_gainceiling(n) for n in (2, 4, 8, 16, 32, 64, 128)]", str([True] * 7)),
    ("[sensor.set_contrast(n) for n in (-2, 0, 2, 3)]", "[True, True, True, False]"),
    ("[sensor.set_brightness(n) for n in (-2, 0, 2, 3)]", "[True, True, True, False]"),
    ("[sensor.set_saturation(n) for n in (-2, 0, 2, 3)]", "[True, True, True, False]"),
    ("sensor.set_colorbar(False)", "True"),
    ("sensor.set_auto_gain(True)", OK),
    ("sensor.set_auto_exposure(True)", OK),
    ("sensor.set_auto_whitebal(True)", OK),
    ("sensor.set_auto_whitebal(False, rgb_gain_db=(1, 1, 1))", "!ValueError"),
    ("sensor.get_rgb_gain_db()", "!OSError Sensor control failed!"),
    ("sensor.set_hmirror(0)", OK),
    ("sensor.set_vflip(False)", OK),
    ("sensor.set_special_effect(1)", "False"),
    ("sensor.set_lens_correction(1, 2, 3)", "False"),
    ("sensor.__write_reg(0xFF, 1)", OK),
    ("sensor.__read_reg(0x0A)", "38"),
    ("sensor.set_jb_quality(50)", OK),
    ("sensor.flush()", OK),
    ("sensor.sleep(True)", OK),
    ("sensor.sleep(False)", OK),
    ("sensor.shutdown(False)", OK),
    ("sensor.snapshot().size()", "153600"),
    ("sensor.binocular_reset(freq=24000000)", "!OSError Reset Failed"),
    ("sensor.deinit()", OK),
    ("sensor.snapshot()", "!TypeError not found sensor"),
]  # fmt: skip

LCD = [
    ("lcd.deinit()", OK),
    ("(lcd.type(), lcd.width(), lcd.height())", "(None, None, None)"),
    ("lcd.display(img)", "!RuntimeError"),
    ("lcd.init()", OK),
    ("lcd.init(type=1, freq=15000000, color=lcd.BLACK, width=320, height=240, invert=0,"
     " offset_w0=0, offset_h0=0, offset_w1=0, offset_h1=0, rst=37, dcx=38, ss=36, clk=39,"
     " lcd_type=0)", OK),
    ("lcd.init(type=2)", OK),
    ("(lcd.type(), lcd.width(), lcd.height())", "(2, 240, 240)"),
    ("lcd.init(type=0)", OK),
    ("lcd.display(img)", OK),
    ("lcd.init(type=5)", "!ValueError type error"),
    ("lcd.init(type=9)", "!ValueError type error"),
    ("lcd.init(lcd_type=1)", "!ValueError type error"),
    ("lcd.init(1, 15000000, (255, 0, 0))", OK),
    ("(lcd.type(), lcd.width(), lcd.height(), lcd.freq())", "(1, 320, 240, 15000000)"),
    ("lcd.display(img)", OK),
    ("lcd.display(g)", OK),
    ("lcd.display(img, (0, 0, 8, 8))", OK),
    ("lcd.display(img, roi=(0, 0, 8, 8), oft=(3, 3))", OK),
    ("lcd.display(img, oft=(-3, 3))", OK),
    ("lcd.display(5)", "!TypeError"),
    ("lcd.clear()", OK),
    ("lcd.clear(lcd.RED)", OK),
    ("lcd.clear((255, 0, 0))", OK),
    ("lcd.clear(color=lcd.RED)", OK),
    ("lcd.rotation()", "0"),
    ("lcd.rotation(1)", "1"),
    ("(lcd.width(), lcd.height())", "(240, 320)"),
    ("lcd.rotation(4)", "!ValueError value:[0,3]"),
    ("lcd.rotation(0)", "0"),
    ("(lcd.mirror(), lcd.mirror(True), lcd.mirror(0))", "(0, 1, 0)"),
    ("lcd.direction(lcd.YX_LRUD)", OK),
    ("lcd.draw_string(0, 0, 'hi')", OK),
    ("lcd.draw_string(0, 0, 'hi', lcd.RED, lcd.BLACK)", OK),
    ("lcd.fill_rectangle(0, 0, 8, 8, lcd.RED)", OK),
    ("lcd.fill_rectangle(0, 0, 8, 8, (1, 2, 3))", OK),
    ("lcd.freq(10000000) <= 10000000", "True"),
    ("lcd.bgr_to_rgb(True)", OK),
    ("lcd.register(0x36, 0x60)", OK),
    ("lcd.register(0x36, [0x60])", OK),
    ("lcd.set_backlight(50)", OK),
    ("lcd.get_backlight()", "50"),
    ("[getattr(lcd, n) for n in 'BLACK BLUE GREEN CYAN RED MAGENTA YELLOW WHITE'.split()]",
     str([0, 0x1F, 0x7E0, 0x7FF, 0xF800, 0xF81F, 0xFFE0, 0xFFFF])),
    ("all(hasattr(lcd, n) for n in 'NAVY DARKGREEN DARKCYAN MAROON PURPLE OLIVE LIGHTGREY DARKGREY"
     " ORANGE GREENYELLOW PINK XY_RLUD YX_RLUD XY_LRUD YX_LRUD XY_RLDU YX_RLDU XY_LRDU"
     " YX_LRDU'.split())", "True"),
    ("lcd.deinit()", OK),
]  # fmt: skip

# Printed beside what is given.
PRINTED = ("[MAIXPY]",)


def walked(board: RemoteBoard, rows: list[str]) -> list[str]:
    board.exec(f"{SETUP}\nROWS = {rows!r}")
    lines = board.exec("walk(ROWS)").splitlines()
    lines = [line for line in lines if not line.startswith(PRINTED)]
    assert len(lines) == len(rows), lines
    return lines


def fits(got: str, wanted: str) -> bool:
    return got.startswith(wanted) if wanted.startswith("!") else got == wanted


def walk(board: RemoteBoard, table: list[tuple[str, str]]) -> None:
    lines = walked(board, [row for row, _ in table])
    wrong = [
        f"{row}\n    gives {got}\n    not   {wanted}"
        for (row, wanted), got in zip(table, lines, strict=True)
        if not fits(got, wanted)
    ]
    assert not wrong, "\n".join(wrong)


def put(board: RemoteBoard, name: str, content: bytes) -> None:
    board.exec(f"with open('/flash/{name}', 'wb') as f: f.write({content!r})")


def test_image(board: RemoteBoard) -> None:
    picture = scene((80, 60))
    put(board, "a.jpg", encoded(picture))
    put(board, "a.bmp", encoded(picture, "BMP"))
    put(board, "a.png", encoded(picture.resize((8, 8)), "PNG"))
    put(board, "gray.jpg", encoded(picture.convert("L")))
    walk(board, IMAGE)


@pytest.mark.parametrize("place", ABSENT)
def test_what_is_left_out_says_what_to_do(board: RemoteBoard, place: str) -> None:
    names = ABSENT[place].split()
    for name, got in zip(names, walked(board, [place + name for name in names]), strict=True):
        assert got.startswith(f"!AttributeError image has no {name}: "), (name, got)
        assert len(got) > len(name) + 45, got


def test_sensor(board: RemoteBoard, virtual: Board) -> None:
    virtual.camera = Camera(virtual, Pictures([scene((320, 240))]), ("ov2640",))
    virtual.dvp.camera_changed()
    walk(board, SENSOR)
    virtual.camera = None
    virtual.dvp.camera_changed()


def test_lcd(board: RemoteBoard) -> None:
    walk(board, LCD)


def chapter(title: str) -> str:
    """Of docs/api.md."""
    text = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
    # Without blocks of code, where # begins a comment.
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("module", "owners", "table"),
    [
        ("image", ("image", "img", "g"), IMAGE),
        ("sensor", ("sensor",), SENSOR),
        ("lcd", ("lcd",), LCD),
    ],
)
def test_the_documentation_names_every_call(
    module: str, owners: tuple[str, ...], table: list[tuple[str, str]]
) -> None:
    """As `name(...)` or `name`, in the chapter of its module."""
    calls = re.compile(rf"(?<![\w.])(?:{'|'.join(owners)})\.([a-z_]\w*)\(")
    names = {name for row, _ in table for name in calls.findall(row)}
    assert len(names) > 15
    text = chapter(module)
    missing = [name for name in sorted(names) if not re.search(rf"`{name}[`(]", text)]
    assert not missing
