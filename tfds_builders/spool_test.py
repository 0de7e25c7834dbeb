from tfds_builders.spool import Spool


def test_pieces_come_back_in_order_and_nothing_is_left(tmp_path):
    pieces = [bytes([number]) * (number * 999) for number in range(20)]
    with Spool(tmp_path) as spool:
        for piece in pieces:
            spool.add(piece)
        assert list(spool) == list(spool) == pieces
    assert list(tmp_path.iterdir()) == []
