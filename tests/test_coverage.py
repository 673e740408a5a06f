"""The coverage report says what a login would."""

from .common import MfaCase


class TestCoverage(MfaCase):
    def row_of(self, user):
        return self.env["mfa.coverage"].browse(user.id)

    def test_app_protects(self):
        self.assertEqual(self.row_of(self.ann).state, "app")
        self.assertEqual(self.row_of(self.bob).state, "unprotected")
