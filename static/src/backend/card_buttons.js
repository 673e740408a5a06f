/**
 * Odoo's cards take Enter and Space for themselves, wherever in a card the focus is, so that
 * its buttons hear neither. The cards of this addon let their buttons have them.
 */
document.addEventListener("keydown", (ev) => {
    if (["Enter", " "].includes(ev.key) && ev.target.closest?.(".o_mfa .o_kanban_record button")) {
        ev.stopPropagation();
    }
});
