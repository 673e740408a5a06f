"""QR pictures, drawn by ``qrcode``."""

import io

import qrcode


def png(text, box_size=5):
    """Return a PNG picture of ``text`` as bytes, black on white with its quiet zone.

    :param int box_size: pixels of one module; 5 is read by phones from a screen
    """
    data = io.BytesIO()
    qrcode.make(text, box_size=box_size).save(data, format="PNG")
    return data.getvalue()
