from contextvars import copy_context

from odoo.http import borrow_request
from odoo.tests import TransactionCase, tagged

from odoo.addons.http_routing.tests.common import MockRequest

from ..models.calling_address import (
    calling_address,
    is_api_key_call,
    is_hidden_call,
    note_api_key_call,
    remembered_address,
)


def seen():
    return calling_address(), is_hidden_call(), is_api_key_call()


@tagged("post_install", "-at_install")
class TestHiddenCalls(TransactionCase):
    """XML-RPC and JSON-RPC hide the request; a thread serves one call after the other."""

    def test_nothing_is_left_for_what_the_thread_does_next(self):
        copy_context().run(self.call_and_work_on)

    def call_and_work_on(self):
        self.assertEqual(seen(), (None, False, False))
        request = MockRequest(self.env, remote_addr="192.0.2.7")
        with request, remembered_address(), borrow_request():
            self.assertEqual(seen(), ("192.0.2.7", True, False))
            for by_key in (False, True):
                note_api_key_call(by_key)
                self.assertEqual(seen(), ("192.0.2.7", True, by_key))
        self.assertEqual(seen(), (None, False, False))

    def test_nothing_is_left_of_a_call_that_fails(self):
        with self.assertRaises(ZeroDivisionError):
            copy_context().run(self.fail_and_look)

    def fail_and_look(self):
        try:
            with MockRequest(self.env), remembered_address():
                raise ZeroDivisionError
        finally:
            self.assertEqual(seen(), (None, False, False))
