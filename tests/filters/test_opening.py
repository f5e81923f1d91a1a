"""Files that only name others, or ask for the network: none is read, whatever it is called."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from filters.backgrounds.clip import Clip
from filters.base import FilterError
from filters.files.errors import MediaError
from filters.files.filter_file import filter_file
from filters.opening import REFERRING, open_container
from tests.support.media import Late, clip

LISTS = {
    "concat": "ffconcat version 1.0\nfile secret.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".sdp", ".txt"])
def test_a_file_that_names_others_is_not_followed(tmp_path: Path, kind: str, suffix: str) -> None:
    clip(tmp_path / "secret.mp4")
    source, out = tmp_path / f"in{suffix}", tmp_path / "out.mp4"
    source.write_text(LISTS[kind])
    with pytest.raises(MediaError, match="cannot be read"):
        filter_file(source, out, Late)
    assert not out.exists()
    with pytest.raises(FilterError):
        Clip(source)


def test_a_film_is_opened_and_nothing_that_refers_elsewhere_may_be(tmp_path: Path) -> None:
    with clip(tmp_path / "film.mp4").open("rb") as file, open_container(file) as container:
        assert container.streams.video
    assert {"concat", "hls", "sdp", "lavfi", "image2"} <= REFERRING & av.formats_available


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_titles_may_be_in_any_encoding(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Cafe noir"
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux([*stream.encode(av.VideoFrame(64, 48, "yuv420p")), *stream.encode(None)])
    data = path.read_bytes()
    assert b"Cafe noir" in data
    path.write_bytes(data.replace(b"Cafe noir", "Café noir".encode("latin-1")))
    assert filter_file(path, tmp_path / "out.mp4", Late) == 1
