"""QR pictures, drawn by ``qrcode``."""

import io

import qrcode

MASK = 2
"""One of the eight patterns that a picture may be masked with (ISO/IEC 18004 §7.8).

Trying all eight for the most even picture takes most of the drawing. This one is the best,
or within a few percent of it, for links with random keys, and readers take any: the picture
tells which it is.
"""


def png(text, box_size=5):
    """Return a PNG picture of ``text`` as bytes, black on white with its quiet zone.

    :param int box_size: pixels of one module; 5 is read by phones from a screen
    """
    data = io.BytesIO()
    qrcode.make(text, box_size=box_size, mask_pattern=MASK).save(data, format="PNG")
    return data.getvalue()
