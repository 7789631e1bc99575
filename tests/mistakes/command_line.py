"""Typical mistakes at the command line."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """A mistake and what must be told.

    Attributes:
        what: The mistake in words.
        words: The words after ``promptseg``.
        value: Part of the message that names what is wrong.
        hint: Part of the message that says what to do.
        status: Exit status.
    """

    what: str
    words: str
    value: str
    hint: str
    status: int = 2


S = "segment a.png --model cutter"
MISTAKES = [
    # Options
    Mistake("a misspelled command", "segmnt a.png", "segmnt", "Did you mean 'segment'?"),
    Mistake("a command in another tool's words", "predict a.png", "predict", "--help"),
    Mistake("a misspelled option", f"{S} --pont 3,4", "--pont", "--point"),
    Mistake(
        "an option of another command",
        f"{S} --point 3,4 --format coco",
        "--format",
        "It is an option of promptseg annotate and convert",
    ),
    Mistake("no image", "segment --point 3,4", "IMAGE", "segment --help"),
    Mistake("an option without its value", f"{S} --point", "--point", "such as X,Y"),
    Mistake("a number that is none", f"{S} --everything --points-per-side many", "'many'", "expected a whole number"),
    Mistake("a folder to allow that is not there", "mcp --allow absent --model cutter", "'absent'", "a folder that exists"),
    # Names
    Mistake("a misspelled model", "segment a.png --point 3,4 --model mini-smo", "mini-smo", "'mini-sam'"),
    Mistake("the name of a family", "segment a.png --point 3,4 --model sam2", "sam2", "'sam2-hiera-tiny'"),
    Mistake("a model with underscores", "segment a.png --point 3,4 --model sam_vit_b", "sam_vit_b", "'sam-vit-b'"),
    Mistake(
        "a file of weights for a model",
        "segment a.png --point 3,4 --model sam_vit_b.pth",
        "sam_vit_b.pth",
        "as NAME=sam_vit_b.pth. Did you mean 'sam-vit-b'",
    ),
    Mistake("a misspelled detector", f"{S} --text dog --detector findr", "findr", "'finder'"),
    Mistake("a segmenter for a detector", f"{S} --text dog --detector cutter", "cutter", "a segmenter is for stage segment (--model)"),
    Mistake(
        "a detector for a segmenter", "segment a.png --point 3,4 --model finder", "finder", "a detector is for stage detect (--detector)"
    ),
    Mistake("no segmenter and no detector", "segment a.png --point 3,4 --model none", "--model none", "needs a --detector"),
    Mistake("soft borders of no cutouts", f"{S} --point 3,4 --matting guided", "--matting guided", "give --save-cutouts"),
    Mistake("a misspelled matting", "cutout a.png --model cutter --box 1,1,9,9 --matting giuded", "giuded", "--matting is guided or"),
    Mistake(
        "a segmenter for matting",
        "cutout a.png --model cutter --box 1,1,9,9 --matting cutter",
        "cutter",
        "matting model: give --matting guided",
    ),
    Mistake("an unknown device", f"{S} --point 3,4 --device gpu", "gpu", "expected auto, cpu, cuda or mps"),
    Mistake("a device without its number", f"{S} --point 3,4 --device cuda:", "cuda:", "cuda:1 the second of several"),
    Mistake("a model whose package is missing", "segment a.png --point 3,4 --model lacking", "no_such_module", "pip install", 1),
    Mistake("a folder of the hub as others name it", "segment a.png --point 3,4 --model owner/name", "owner/name", "hf:owner/name"),
    Mistake("a folder of the hub without its owner", "segment a.png --point 3,4 --model hf:name", "hf:name", "hf:OWNER/NAME"),
    Mistake("weights that do not exist", "segment a.png --point 3,4 --model mini-sam=nothing.onnx", "nothing.onnx", "check the path", 1),
    Mistake("weights of a model without its name", "segment a.png --point 3,4 --model =weights.pt", "=weights.pt", "NAME=PATH"),
    Mistake("an unknown fallback", f"{S} --point 3,4 --fallback mini-smo", "mini-smo", "'mini-sam'"),
    Mistake("the model as its own fallback", f"{S} --point 3,4 --fallback cutter", "cutter", "name other models"),
    # Coordinates
    Mistake("an example without a place", f"{S} --like a.png", "a.png", "IMAGE:box=X0,Y0,X1,Y1"),
    Mistake("an example that is none", f"{S} --unlike point=3,4", "--unlike point=3,4", "belongs to --like"),
    Mistake("an example outside its image", f"{S} --like point=300,40", "(300, 40)", "80 wide and 60 high", 1),
    Mistake(
        "a segmenter for a concept model",
        f"{S} --like point=3,4 --concept cutter",
        "cutter",
        "stage concept (--concept) takes a concept model",
    ),
    Mistake("no prompt", S, "nothing to segment", "give --point, --box, --text, --like or --everything"),
    Mistake("one number for a point", f"{S} --point 3", "'3'", "such as --point 290,160"),
    Mistake("letters for a point", f"{S} --point left,top", "left,top", "such as --point 290,160"),
    Mistake("a point with a semicolon", f"{S} --point 3;4", "3;4", "such as --point 290,160"),
    Mistake("an empty point", [*S.split(), "--point", ""], "--point", "such as --point 290,160"),
    Mistake("a point in brackets", [*S.split(), "--point", "(3, 4)"], "(3, 4)", "without spaces"),
    Mistake("x and y as two words", f"{S} --point 3 4", "'3'", "without spaces"),
    Mistake("a point outside the image", f"{S} --point 300,40", "(300, 40)", "80 wide and 60 high", 1),
    Mistake("x and y swapped", f"{S} --point 20,70", "(20, 70)", "are x and y swapped?", 1),
    Mistake("a negative point", f"{S} --point=-5,3", "(-5, 3)", "80 wide and 60 high", 1),
    Mistake("a point with a wrong label", f"{S} --point 3,4,2", "3,4,2", "1 for a point on the object or 0 for one beside it"),
    Mistake("a point that is not finite", f"{S} --point nan,4", "nan", "must be finite numbers"),
    Mistake("three numbers for a box", f"{S} --box 1,2,3", "1,2,3", "such as --box 75,275,1725,850"),
    Mistake("a box with its corners swapped", f"{S} --box 30,30,10,10", "30", "needs x0 < x1 and y0 < y1"),
    Mistake("a box as x, y, width, height", f"{S} --box 50,40,20,10", "50", "give (50, 40, 70, 50)"),
    Mistake("a box outside the image", f"{S} --box 100,100,200,200", "100", "80 wide and 60 high", 1),
    Mistake("a box without an area", f"{S} --box 10,10,10,30", "10", "needs x0 < x1 and y0 < y1"),
    Mistake("points with several boxes", f"{S} --point 3,4 --box 1,1,9,9 --box 9,9,20,20", "box", "Give a command for each object"),
    Mistake("a density without everything", f"{S} --points-per-side 8", "--points-per-side", "needs --everything"),
    Mistake("a density of 0", f"{S} --everything --points-per-side 0", "0", "from 1 to 1000"),
    Mistake("a huge density", f"{S} --everything --points-per-side 100000", "100000", "from 1 to 1000"),
    Mistake("a point as shares of the image", f"{S} --point 0.5,0.5", "'0.5,0.5'", "multiply by width and height"),
    Mistake("a box as shares of the image", f"{S} --box 0.1,0.2,0.5,0.9", "'0.1,0.2,0.5,0.9'", "multiply by width and height"),
    # Text
    Mistake("text without a detector", f"{S} --text dog", "dog", "such as --detector grounding-dino-swin-t"),
    Mistake("blank text", [*S.split(), "--text", " ", "--detector", "finder"], "' '", "name what to find, such as 'cat, red car'"),
    Mistake("text of commas alone", f"{S} --text , --detector finder", "','", "name what to find, such as 'cat, red car'"),
    # Images
    Mistake("a missing image", "segment photo.jpg --model cutter --point 3,4", "photo.jpg", "check the path", 1),
    Mistake("an image of another case", "segment A.PNG --model cutter --point 3,4", "A.PNG", "Did you mean 'a.png'?", 1),
    Mistake("an empty file", "segment empty.png --model cutter --point 3,4", "empty.png", "get the image again", 1),
    Mistake("a text file", "segment text.jpg --model cutter --point 3,4", "text.jpg", "expected JPEG, PNG", 1),
    Mistake("a truncated image", "segment cut.png --model cutter --point 3,4", "cut.png", "Get the image again", 1),
    Mistake("a PDF", "segment page.pdf --model cutter --point 3,4", "page.pdf", "save its pages as images", 1),
    Mistake("a video", "segment clip.mp4 --model cutter --point 3,4", "clip.mp4", "promptseg track", 1),
    Mistake("a vector image", "segment drawing.svg --model cutter --point 3,4", "drawing.svg", "export it as PNG", 1),
    Mistake("a web page", "segment page.html --model cutter --point 3,4", "page.html", "download the image itself", 1),
    Mistake("a NumPy file", "segment array.npy --model cutter --point 3,4", "array.npy", "np.load", 1),
    # Outputs
    Mistake(
        "an output in the place of a file",
        f"{S} --point 3,4 --out coco.json",
        "coco.json",
        "such as coco.png, or a folder; end the name of a new folder that has a dot with /. For the masks as JSON: --json > coco.json",
        1,
    ),
    Mistake("an overlay that replaces the image", f"{S} --point 3,4 --out a.png", "a.png", "give another path", 1),
    Mistake("an overlay of an unknown format", f"{S} --point 3,4 --out b.xyz", "b.xyz", "such as b.png, or a folder", 1),
    Mistake("a folder that cannot be made", f"{S} --point 3,4 --out a.png/out", "a.png", "give another path", 1),
    Mistake("one overlay for two images", "segment a.png images/a.png --model cutter --point 3,4 --out b.png", "b.png", "give a folder"),
    Mistake("one overlay and all masks", f"{S} --point 3,4 --masks --out b.png", "b.png", "give a folder"),
    # Pipeline files
    Mistake("a missing pipeline file", "segment a.png --point 3,4 --config nothing.yaml", "nothing.yaml", "check the path"),
    Mistake("a pipeline file and a model", f"{S} --point 3,4 --config good.yaml", "--config", "leave out --model"),
    Mistake("a misspelled key", "segment a.png --point 3,4 --config typo.yaml", "treshold", "Did you mean 'threshold'"),
    Mistake("a key of another stage", "segment a.png --point 3,4 --config stage.yaml", "segment.threshold", "It is a key of detect"),
    Mistake("a key without its stage", "segment a.png --point 3,4 --config top.yaml", "model", "It is a key of detect, segment or concept"),
    Mistake("a value of the wrong type", "segment a.png --point 3,4 --config type.yaml", "many", "a valid integer"),
    Mistake("a threshold in percent", "segment a.png --point 3,4 --config range.yaml", "30", "less than or equal to 1"),
    Mistake("a broken pipeline file", "segment a.png --point 3,4 --config broken.yaml", "broken.yaml", "line 1, column 17"),
    Mistake(
        "a pipeline file with a list", "segment a.png --point 3,4 --config list.yaml", "list.yaml", "such as segment: {model: mini-sam}"
    ),
    Mistake("an empty pipeline file", "segment a.png --point 3,4 --config empty.yaml", "has no stage", "segment: {model: mini-sam}"),
    Mistake(
        "a pipeline file with another suffix",
        "segment a.png --point 3,4 --config text.txt",
        "text.txt",
        "ends in .yaml, .yml, .toml, .json",
    ),
    Mistake("an image for a pipeline file", "segment a.png --point 3,4 --config a.png", "a.png", "ends in .yaml, .yml, .toml, .json"),
    Mistake("a detector in the stage segment", "segment a.png --point 3,4 --config kind.yaml", "finder", "a detector is for stage detect"),
    Mistake(
        "the device among the options", "segment a.png --point 3,4 --config device.yaml", "device", "give it to build() or at the top level"
    ),
    Mistake("one license for a list", "segment a.png --point 3,4 --config license.yaml", "mit", "such as [mit]"),
    # annotate
    Mistake("annotate without an output", "annotate images --model cutter --everything", "--out", "annotate --help"),
    Mistake("annotate without a prompt", "annotate images --model cutter --out out", "nothing to segment", "--everything"),
    Mistake(
        "annotate a missing folder",
        "annotate imgs --model cutter --everything --out out",
        "imgs",
        "a source is a folder, a pattern, an image, or a list, table or COCO file of images; there is no imgs. Did you mean 'images'?",
        1,
    ),
    Mistake("annotate a folder without images", "annotate none --model cutter --everything --out out", "none", "give what holds images", 1),
    Mistake(
        "annotate to a misspelled format",
        "annotate images --model cutter --everything --out out --format coc",
        "coc",
        "Did you mean 'coco'",
    ),
    Mistake("annotate to no format", "annotate images --model cutter --everything --out out --format ,", "','", "such as coco,yolo-seg"),
    Mistake(
        "annotate with a wrong option of a format",
        "annotate images --model cutter --everything --out out --format-option coco.x=1",
        "'x'",
        "leave it out",
    ),
    Mistake(
        "annotate with a malformed option",
        "annotate images --model cutter --everything --out out --format-option x",
        "x",
        "such as yolo-seg.images=copy",
    ),
    Mistake("annotate every 0th frame", "annotate images --model cutter --everything --out out --every 0", "0", "at least 1"),
    Mistake(
        "annotate with an unknown executor",
        "annotate images --model cutter --everything --out out --executor spark",
        "spark",
        "'local' or 'ray'",
    ),
    Mistake(
        "annotate with workers but not Ray", "annotate images --model cutter --everything --out out --workers 4", "4", "--executor ray"
    ),
    Mistake(
        "annotate with scales but no tiles",
        "annotate a.png --model cutter --everything --out out --scale 0.5",
        "scale",
        "give tile (--tile)",
    ),
    Mistake("annotate in tiny tiles", "annotate a.png --model cutter --everything --out out --tile 8", "8", "at least 64"),
    Mistake(
        "annotate with a scale that is not a number",
        "annotate a.png --model cutter --everything --out out --tile 64 --scale 1x",
        "'1x'",
        "such as --scale 1,0.25",
    ),
    Mistake(
        "annotate a missing raster", "annotate a.tif --model cutter --everything --out out --tile 64", "there is no raster a.tif", "give", 1
    ),
    Mistake("serve with an unknown executor", "serve --executor spark", "spark", "'local' or 'ray'"),
    Mistake("serve replicas but not on Ray", "serve --replicas 4", "4", "--executor ray"),
    Mistake("serve replicas with GPUs but not on Ray", "serve --gpus-per-replica 1", "1.0", "--executor ray"),
    Mistake("serve replicas on two devices", "serve --executor ray --device cuda:0 --device cuda:1", "cuda:1", "give --device once"),
    Mistake("serve some replicas", "serve --executor ray --replicas some", "some", "2:8"),
    Mistake("serve fewer replicas at most than at least", "serve --executor ray --replicas 4:2", "2", "at least 4"),
    Mistake("open the studio with half a band", "studio --bands 1.5", "1.5", "whole numbers, such as --bands 4,3,2"),
    Mistake("open the studio with two bands", "studio --bands 1,2", "[1, 2]", "one number (gray) or three"),
    Mistake("open the studio with percentiles the wrong way round", "studio --stretch 98,2", "98", "the lower one first"),
    Mistake("open the studio at no port", "studio --port 70000", "70000", "from 0 to 65535"),
    Mistake("open the studio with a score but no detector", "studio --threshold 0.4", "0.4", "give --detector"),
    Mistake("serve no replicas", "serve --executor ray --replicas 0", "0", "at least 1"),
    Mistake(
        "take in an unknown format",
        "annotate images --model cutter --everything --out out --corrections lableme",
        "lableme",
        "Did you mean 'labelme'",
    ),
    # convert
    Mistake(
        "convert without a format",
        "convert --images images --from coco.json --format yolo-seg --out out",
        "coco.json",
        "Did you mean 'coco=coco.json'?",
    ),
    Mistake(
        "convert from a misspelled format",
        "convert --images images --from coko=coco.json --format yolo-seg --out out",
        "coko",
        "Did you mean 'coco'",
    ),
    Mistake(
        "convert to a misspelled format",
        "convert --images images --from coco=coco.json --format yolo-sge --out out",
        "yolo-sge",
        "Did you mean 'yolo-seg'",
    ),
    Mistake(
        "convert a missing file",
        "convert --images images --from coco=none.json --format yolo-seg --out out",
        "none.json",
        "check the path",
        1,
    ),
    Mistake(
        "convert another JSON file",
        "convert --images images --from coco=other.json --format yolo-seg --out out",
        "other.json",
        "it needs the lists images and annotations",
        1,
    ),
    Mistake(
        "convert a truncated JSON file",
        "convert --images images --from coco=cut.json --format yolo-seg --out out",
        "line 1 column 58",
        "get the file again",
        1,
    ),
    Mistake(
        "convert with a wrong image folder",
        "convert --images none --from coco=coco.json --format yolo-seg --out out",
        "the folder none does not have the image that coco.json names",
        "--images names their folder",
        1,
    ),
    # evaluate
    Mistake("evaluate without annotations", "evaluate --images images --model cutter", "none of them", "--masks FOLDER"),
    Mistake("evaluate without images", "evaluate --masks masks --model cutter", "masks needs", "--images FOLDER"),
    Mistake("evaluate with a missing folder", "evaluate --images imgs --masks masks --model cutter", "imgs", "Did you mean 'images'?", 1),
    Mistake(
        "evaluate with an unknown prompt", "evaluate --images images --masks masks --model cutter --prompt bx", "bx", "Did you mean 'box'?"
    ),
    Mistake(
        "evaluate text without a detector", "evaluate --images images --masks masks --model cutter --prompt text", "text", "give --detector"
    ),
    Mistake("evaluate with a run in text", "evaluate --images images --masks masks --model cutter --out run.txt", "run.txt", ".json", 1),
    Mistake(
        "evaluate with a threshold in percent",
        "evaluate --images images --masks masks --model cutter --threshold 50",
        "50",
        "give --prompt text and --detector",
    ),
    Mistake(
        "evaluate with a prompt of another range",
        "evaluate --images images --masks masks --model cutter --prompt clicks:0",
        "0",
        "at least 1",
    ),
    Mistake(
        "evaluate with two kinds of annotations",
        "evaluate --images images --masks masks --coco coco.json --model cutter",
        "masks and coco",
        "give one",
    ),
    Mistake("compare one run", "compare run.json", "run.json", "promptseg compare first.json second.json"),
    Mistake("evaluate a scene without truth", "evaluate --scene scene.tif --predictions a.gpkg", "--scene needs", "--truth FILE"),
    Mistake("compare what is not a run", "compare coco.json other.json", "coco.json", "promptseg evaluate --out", 1),
    Mistake("compare a missing run", "compare one.json two.json", "one.json", "cannot read", 1),
    # track
    Mistake("track without a prompt", "track clip.mp4 --model cutter", "nothing to track", "give --point, --box, --like or --detector"),
    Mistake("track a missing video", "track film.mp4 --model cutter --point 3,4", "film.mp4", "check the path", 1),
    Mistake("track a damaged video", "track clip.mp4 --model cutter --point 3,4", "clip.mp4", "Get it again, or convert it", 1),
    Mistake("track with an unknown table", "track clip.mp4 --model cutter --point 3,4 --table csv", "csv", "json or parquet"),
    Mistake("track with an unknown tracker", "track images --model cutter --point 3,4 --tracker sort", "sort", "hf_video or propagate"),
    Mistake(
        "redetect without a detector", "track images --model cutter --point 3,4 --redetect-every 5", "--redetect-every", "give --detector"
    ),
    # finetune, export, weights
    Mistake("finetune without images", "finetune --out out", "none of them", "--masks FOLDER"),
    Mistake(
        "finetune a model that cannot be trained",
        "finetune --out out --images images --masks masks --model superpixel",
        "superpixel",
        "these can: mini-sam",
    ),
    Mistake("finetune for 0 epochs", "finetune --out out --images images --masks masks --epochs 0", "0", "at least 1"),
    Mistake("finetune into a full folder", "finetune --out full --images images --masks masks", "full", "give another folder"),
    Mistake("export a model that cannot be exported", "export superpixel", "superpixel", "these can: mini-sam"),
    Mistake("export with missing weights", "export mini-sam --weights nothing.pt", "nothing.pt", "check the path", 1),
    Mistake(
        "damaged weights",
        "segment a.png --point 3,4 --model onnx-sam=weights.onnx",
        "weights.onnx",
        "give a folder of the two .onnx files",
        1,
    ),
    Mistake("damaged YOLO weights", "segment a.png --model cutter --detector yolo=weights.onnx", "weights.onnx", "Get it again", 1),
    Mistake("weights of an unknown model", "weights fetch mini-smo", "mini-smo", "'mini-sam'"),
    Mistake("weights of an unknown engine", "weights fetch mini-sam --engine tensorrt", "tensorrt", "it has onnx, torch"),
]
