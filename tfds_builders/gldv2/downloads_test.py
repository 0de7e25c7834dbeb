"""Downloads from a server of this machine that cuts, ignores, lies and changes its mind."""

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders.gldv2 import transfer
from tfds_builders.gldv2.downloads import BASE, Downloads

ROOT = Path(__file__).parents[2]
TAR = "/train/images_007.tar"
CONTENTS = bytes(range(256)) * 12_000  # 3 MB: several chunks
MD5 = hashlib.md5(CONTENTS).hexdigest()


class Server(ThreadingHTTPServer):
    """What it has, how it behaves, and what it has sent.

    Attributes:
        files: Contents by path.
        ranges: Whether it can send parts.
        versions: Whether it says which version of a file it sends (ETag), and heeds If-Range.
        cuts: After so many bytes of the body each of the next answers is cut.
        changed: Contents by path that replace others after a cut.
        statuses: The next answers are these errors.
        seconds: Waited after each 64 KiB.
        sent: (path, first byte, bytes of the body sent, If-Range) of each answer.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {
            TAR: CONTENTS,
            "/md5sum/train/md5.images_007.txt": f"{MD5}  images_007.tar\n".encode(),
            "/metadata/train.csv": b"id,url,landmark_id\n" * 9_000,
        }
        self.ranges, self.versions, self.seconds = True, True, 0.0
        self.cuts, self.statuses, self.sent, self.changed = [], [], [], {}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bytes_sent(self, path=TAR):
        return [count for name, _, count, _ in self.sent if name == path]

    def handle_error(self, request, client_address):
        pass  # A killed client is no news.


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server, contents = self.server, self.server.files.get(self.path)
        if server.statuses or contents is None:
            self.send_error(server.statuses.pop(0) if server.statuses else 404)
            return
        tag = f'"{hashlib.md5(contents).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        start = int(asked[1]) if asked and server.ranges and condition in (None, tag) else 0
        if start >= len(contents) and start:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(contents)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            server.sent.append((self.path, start, 0, condition))
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(contents) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(contents) - 1}/{len(contents)}")
        if server.versions:
            self.send_header("ETag", tag)
        self.end_headers()
        if self.command == "GET":
            self.send_body(contents[start:], start, condition)

    def send_body(self, body, start, condition):
        server, is_file = self.server, not self.path.startswith("/md5sum")
        end = server.cuts.pop(0) if is_file and server.cuts else len(body)
        place = len(server.sent)
        server.sent.append((self.path, start, 0, condition))
        for position in range(0, min(end, len(body)), 1 << 16):
            piece = body[position : min(position + (1 << 16), end)]
            self.wfile.write(piece)
            server.sent[place] = (self.path, start, position + len(piece), condition)
            time.sleep(server.seconds)
        if end < len(body):
            self.close_connection = True
            server.files.update(server.changed)


@pytest.fixture
def server(socket_enabled, monkeypatch):
    monkeypatch.setattr(transfer, "_FIRST_WAIT_SECONDS", 0.001)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def left_over(folder):
    return sorted(path.name for path in folder.rglob("*") if ".part" in path.name)


def test_a_tar_and_a_list_come_whole_and_once(server, tmp_path):
    downloads = Downloads(tmp_path, server.address)
    path = downloads.tar(7)
    assert path == tmp_path / "train" / "images_007.tar"
    assert path.read_bytes() == CONTENTS
    assert downloads.csv("train.csv").read_bytes() == server.files["/metadata/train.csv"]
    before = len(server.sent)
    again = Downloads(tmp_path, server.address)
    assert again.tar(7) == path and again.csv("train.csv") == tmp_path / "train.csv"
    assert len(server.sent) == before
    assert not left_over(tmp_path)


def test_a_cut_connection_is_continued_where_it_was_cut(server, tmp_path):
    server.cuts = [61 << 14, 12 << 14, 500_000]
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    starts = [start for path, start, *_ in server.sent if path == TAR]
    assert starts[:3] == [0, 61 << 14, 73 << 14]
    assert len(CONTENTS) <= sum(server.bytes_sent()) < len(CONTENTS) + (1 << 14)


def test_as_long_as_something_comes_it_goes_on(server, tmp_path):
    server.cuts = [100_000] * 12
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    assert sum(server.bytes_sent()) < len(CONTENTS) + 12 * (1 << 14)


@pytest.mark.parametrize("versions", [True, False])
def test_without_parts_it_begins_anew(server, tmp_path, versions):
    server.ranges, server.versions, server.cuts = False, versions, [1_000_000]
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    assert server.bytes_sent() == [1_000_000, len(CONTENTS)]


def test_where_no_md5_will_check_parts_of_unknown_versions_are_not_joined(server, tmp_path):
    server.versions, server.cuts = False, [50_000]
    path = Downloads(tmp_path, server.address).csv("train.csv")
    assert path.read_bytes() == server.files["/metadata/train.csv"]
    assert [start for _, start, *_ in server.sent] == [0, 0]


def test_a_file_that_changed_meanwhile_is_begun_anew(server, tmp_path):
    server.cuts, server.changed = [50_000], {"/metadata/train.csv": b"id,url,landmark_id\n" + b"x" * 100_000}
    assert len(Downloads(tmp_path, server.address).csv("train.csv").read_bytes()) == 100_019
    (_, *first), (_, *second) = server.sent
    assert first == [0, 50_000, None]
    assert second[:2] == [0, 100_019]
    assert second[2]  # It was asked for the rest of the version that it had.


def test_killed_and_started_again_it_sends_what_was_missing(server, tmp_path):
    server.seconds = 0.01
    part = tmp_path / "train" / "images_007.tar.part"
    code = f"""
import importlib.util, pathlib
spec = importlib.util.spec_from_file_location("transfer", {transfer.__file__!r})
transfer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(transfer)
transfer.download(transfer.make_session(), {server.address + TAR!r}, pathlib.Path({str(part)!r}), has_md5=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    deadline = time.monotonic() + 20
    while not (part.is_file() and part.stat().st_size >= 1_000_000) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    there = part.stat().st_size
    assert 0 < there < len(CONTENTS)
    assert not part.with_name("images_007.tar").exists()
    server.seconds, answers = 0.0, len(server.bytes_sent())
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    assert server.bytes_sent()[answers:] == [len(CONTENTS) - there]
    assert not left_over(tmp_path)


def test_killed_just_before_the_name_nothing_is_sent_again(server, tmp_path):
    part = tmp_path / "train" / "images_007.tar.part"
    part.parent.mkdir()
    part.write_bytes(CONTENTS)
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    assert server.bytes_sent() == [0]


def test_a_damaged_download_is_tried_once_more(server, tmp_path):
    part = tmp_path / "train" / "images_007.tar.part"
    part.parent.mkdir()
    part.write_bytes(b"not what is published")
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS
    assert server.bytes_sent() == [len(CONTENTS) - 21, len(CONTENTS)]


def test_a_wrong_md5_twice_is_an_error_and_leaves_nothing(server, tmp_path):
    server.files["/md5sum/train/md5.images_007.txt"] = b"0" * 32 + b"  images_007.tar"
    with pytest.raises(BadDataError, match=f"{TAR} came twice .* {MD5} instead of {'0' * 32}.*--manual-dir"):
        Downloads(tmp_path, server.address).tar(7)
    assert server.bytes_sent() == [len(CONTENTS)] * 2
    assert not list((tmp_path / "train").iterdir())


def test_a_tar_damaged_later_is_noticed_and_replaced(server, tmp_path, caplog):
    downloads = Downloads(tmp_path, server.address)
    path = downloads.tar(7)
    with path.open("r+b") as file:
        file.truncate(1_000)
    assert downloads.tar(7).read_bytes() == CONTENTS
    assert f"{path} is damaged" in caplog.text


def test_a_tar_brought_from_elsewhere_is_checked_and_kept(server, tmp_path):
    path = tmp_path / "train" / "images_007.tar"
    path.parent.mkdir()
    path.write_bytes(CONTENTS)
    assert Downloads(tmp_path, server.address).tar(7) == path
    assert server.bytes_sent() == []


def test_an_overloaded_server_is_asked_again(server, tmp_path):
    server.statuses = [503, 429, 500]
    assert Downloads(tmp_path, server.address).tar(7).read_bytes() == CONTENTS


@pytest.mark.parametrize(("statuses", "reason"), [([403], "403 Forbidden"), ([503] * 5, "503 Service Unavailable")])
def test_what_cannot_be_had_is_one_sentence(server, tmp_path, statuses, reason):
    server.statuses = statuses
    address = f"{server.address}/metadata/train.csv"
    with pytest.raises(MissingDataError, match=rf"Cannot download {address} \({reason}\): .*--manual-dir DIR\.$"):
        Downloads(tmp_path, server.address).csv("train.csv")
    assert not server.statuses
    assert not (tmp_path / "train.csv").exists()


def test_a_server_that_is_not_there(server, tmp_path):
    address = server.address
    assert Downloads(tmp_path, address).problem() is None
    server.shutdown()
    server.server_close()
    with pytest.raises(MissingDataError, match=r"train.csv \(ConnectionError\)"):
        Downloads(tmp_path, address).csv("train.csv")
    assert "ConnectionError" in str(Downloads(tmp_path, address).problem())


def test_a_page_in_place_of_an_md5(server, tmp_path):
    server.files["/md5sum/train/md5.images_007.txt"] = b"<html>Log in to the network</html>"
    with pytest.raises(BadDataError, match=r"md5.images_007.txt holds no md5 but '<html>Log in"):
        Downloads(tmp_path, server.address).tar(7)


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "train").write_text("a file where the folder should be")
    with pytest.raises(MissingDataError, match=f"Cannot write {re.escape(str(tmp_path / 'train'))}.*: "):
        Downloads(tmp_path, server.address).tar(7)


def test_names_and_numbers_that_do_not_exist(tmp_path):
    downloads = Downloads(tmp_path, BASE)
    with pytest.raises(UnknownNameError, match=r"train_clean\.csv"):
        downloads.csv("train_cleaned.csv")
    with pytest.raises(UnknownNameError, match=r"Known: test, train"):
        downloads.tar(0, "index")
    for part, number in (("train", 500), ("test", 20), ("train", -1)):
        with pytest.raises(InvalidArgumentError, match="between 0 and"):
            downloads.tar(number, part)
    assert not os.listdir(tmp_path)
