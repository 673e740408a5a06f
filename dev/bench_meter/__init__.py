"""Says in each answer how many queries and how much time of the processor its request took."""

import os
import threading
import time

from odoo.http import Application

_serve = Application.__call__


def _measured(self, environ, start_response):
    begin = time.thread_time()

    def start(status, headers, exc_info=None):
        cost = {
            "X-Meter-Queries": getattr(threading.current_thread(), "query_count", 0),
            "X-Meter-Cpu": time.thread_time() - begin,
            "X-Meter-Process": os.getpid(),
        }
        headers = [*headers, *((name, str(value)) for name, value in cost.items())]
        return start_response(status, headers, exc_info)

    return _serve(self, environ, start)


Application.__call__ = _measured
