import { _t } from "@web/core/l10n/translation";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { session } from "@web/session";

/** Says after a login that no or few recovery codes are left, until the person settles it. */
export const mfaRecoveryNoticeService = {
    dependencies: ["action", "notification", "orm"],
    start(env, { action, notification, orm }) {
        const left = session.mfa_codes_left;
        if (left === undefined) {
            return;
        }
        let made = false;
        const makeCodes = async () => {
            made = true;
            close();
            await action.doAction(
                await orm.call("res.users", "action_mfa_recovery_codes", [[user.userId]])
            );
        };
        const close = notification.add(
            left
                ? _t("Recovery codes left: %(left)s. Make new ones before you need the last.", { left })
                : _t("You have no recovery codes: without your phone you would be locked out."),
            {
                type: "warning",
                sticky: true,
                onClose: () => made || rpc("/mfa/recovery/dismiss"),
                buttons: [{ name: _t("Make recovery codes"), primary: true, onClick: makeCodes }],
            }
        );
    },
};

registry.category("services").add("mfa_recovery_notice", mfaRecoveryNoticeService);
