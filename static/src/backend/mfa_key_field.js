import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import {
    CopyClipboardCharField,
    copyClipboardCharField,
} from "@web/views/fields/copy_clipboard/copy_clipboard_field";

/** The key of an app, and a button that says that it copies it: core's has an icon alone. */
class MfaKeyField extends CopyClipboardCharField {
    static template = "auth_totp_mfa.MfaKeyField";

    setup() {
        super.setup();
        this.copyText = _t("Copy");
    }
}

registry.category("fields").add("mfa_key", { ...copyClipboardCharField, component: MfaKeyField });
