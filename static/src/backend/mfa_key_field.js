import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { CopyClipboardCharField } from "@web/views/fields/copy_clipboard/copy_clipboard_field";

/** The key of an app, and a button that says "Copy": that of core is an icon without a name. */
class MfaKeyField extends CopyClipboardCharField {
    static template = "auth_totp_mfa.MfaKeyField";

    setup() {
        super.setup();
        this.copyText = _t("Copy");
    }
}

registry.category("fields").add("mfa_key", {
    component: MfaKeyField,
    supportedTypes: ["char"],
});
