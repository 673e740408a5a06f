from odoo.http import route

from odoo.addons.rpc.controllers import RPC as CoreRPC

from ..models.calling_address import remembered_address


class RPC(CoreRPC):
    """Core's endpoints, which hide the request from what they call."""

    @route()
    def xmlrpc_1(self, service):
        with remembered_address():
            return super().xmlrpc_1(service)

    @route()
    def xmlrpc_2(self, service):
        with remembered_address():
            return super().xmlrpc_2(service)

    @route()
    def jsonrpc(self, service, method, args):
        with remembered_address():
            return super().jsonrpc(service, method, args)
