"""Track one object through a video from a box on its first frame, and write the video with its mask.

python examples/track_video.py clip.mp4 X0,Y0,X1,Y1 out
"""

import sys
from pathlib import Path

import promptseg as ps
from promptseg.tracking.outputs import TrackOutputs


def main() -> None:
    """Run the example."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    video, box, out = sys.argv[1:]
    frames = ps.open_frames(video)
    pipeline = ps.Pipeline().segment("mini-sam").build()
    with TrackOutputs(Path(out), frames.size, frames.fps, timeline=False) as outputs:
        for frame in pipeline.track(frames, ps.Prompt.box(*map(float, box.split(",")))):
            outputs.write(frame)
            for event in frame.events:
                print(f"frame {event.frame}: object {event.object_id} {event.kind}, {event.reason}")
    print("written:", *outputs.written)


if __name__ == "__main__":
    main()
