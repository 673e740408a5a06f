from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.auth_passkey.tests.test_passkey_demo import PasskeyTest
from odoo.addons.auth_timeout.tests.test_auth_timeout import TestAuthTimeout


@tagged("post_install", "-at_install")
class PasskeyTestAfterInstall(PasskeyTest):
    """Core's tests, run where this addon is loaded."""

    allow_inherited_tests_method = True


@tagged("post_install", "-at_install")
class TestAuthTimeoutAfterInstall(TestAuthTimeout):
    """Core's tests, run where this addon is loaded."""

    allow_inherited_tests_method = True

    def setUp(self):
        super().setUp()
        # They make a passkey in somebody's name by giving `create_uid`, which the ORM allows
        # only as at_install tests find it: before the registry is ready.
        self.startPatcher(patch.object(self.registry, "ready", False))


# Odoo collects every test class that it finds here.
del PasskeyTest, TestAuthTimeout
