from odoo import models
from odoo.exceptions import AccessError
from odoo.fields import NO_ACCESS, Domain

MODULE = __name__.split(".")[2]


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    def _search(self, domain, *args, bypass_access=False, **kwargs):
        """Let no condition ask for a field that nobody may read, or for one of this addon.

        Core searches attachments in superuser mode, past the groups of fields and the rules
        of records, and filters what it finds: whether it finds one's own tells what
        ``create_uid.trusted_device_ids.last_ip`` is.

        :raise AccessError: naming the field
        """
        if not (self.env.su or bypass_access):
            _check_hidden(self, domain)
        return super()._search(domain, *args, bypass_access=bypass_access, **kwargs)


def _check_hidden(model, domain):
    for condition in Domain(domain).iter_conditions():
        of = model
        for name in condition.field_expr.split("."):
            field = of._fields.get(name)
            if field is None:
                break
            if field.groups == NO_ACCESS:
                of._check_field_access(field, "read")
            if MODULE in field._modules:
                raise AccessError(
                    model.env._("Attachments cannot be searched by “%(field)s”.", field=name)
                )
            if field.comodel_name:
                of = model.env[field.comodel_name]
        if condition.operator in ("any", "not any"):
            _check_hidden(of, condition.value)
