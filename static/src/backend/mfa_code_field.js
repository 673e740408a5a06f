import { onMounted, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useBus } from "@web/core/utils/hooks";
import { CharField, charField } from "@web/views/fields/char/char_field";

/**
 * The field for a six-digit code: numeric keyboard, filled in by password managers,
 * and Enter confirms the dialog as it does on the login page.
 *
 * Where a recovery code is good as well, a link gives the keyboard with letters. The
 * option ``sent_with`` names a field that is not stored, and so is gone after a refusal
 * although the dialog still shows it: it is sent again with each code.
 */
export class MfaCodeField extends CharField {
    static template = "auth_totp_mfa.MfaCodeField";
    static props = {
        ...CharField.props,
        autofocus: { type: Boolean, optional: true },
        recovery: { type: Boolean, optional: true },
        sentWith: { type: String, optional: true },
    };

    setup() {
        super.setup();
        this.state = useState({ letters: false });
        useBus(this.props.record.model.bus, "NEED_LOCAL_CHANGES", (ev) => {
            if (this.props.sentWith) {
                ev.detail.proms.push(this.sendAgain(this.props.sentWith));
            }
        });
        onMounted(() => {
            // On a phone the keyboard would hide the key that stands above.
            if (this.props.autofocus && !this.env.isSmall) {
                setTimeout(() => this.input.el?.focus());
            }
        });
    }

    get placeholder() {
        return this.state.letters ? _t("e.g. xxxx-xxxx-xxxx-xxxx") : this.props.placeholder;
    }

    toggleLetters() {
        this.state.letters = !this.state.letters;
        this.input.el.focus();
    }

    async sendAgain(field) {
        const record = this.props.record;
        await record.model.mutex.getUnlockedDef();
        await record.update({ [field]: record.data[field] });
    }

    async onKeydown(ev) {
        if (ev.key !== "Enter") {
            return;
        }
        ev.preventDefault();
        ev.stopPropagation();
        await this.props.record.update({ [this.props.name]: ev.target.value });
        ev.target.closest(".modal-content")?.querySelector("footer .btn-primary")?.click();
    }
}

registry.category("fields").add("mfa_code", {
    ...charField,
    component: MfaCodeField,
    extractProps: (fieldInfo, dynamicInfo) => ({
        ...charField.extractProps(fieldInfo, dynamicInfo),
        autofocus: Boolean(fieldInfo.options.autofocus),
        recovery: Boolean(fieldInfo.options.recovery),
        sentWith: fieldInfo.options.sent_with,
    }),
});
