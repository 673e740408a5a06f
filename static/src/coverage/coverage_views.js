import { registry } from "@web/core/registry";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { CoverageHeadline } from "./coverage_headline";

class CoverageListController extends ListController {
    static template = "auth_totp_mfa.CoverageListView";
    static components = { ...ListController.components, CoverageHeadline };
}

/** What a phone shows in the place of the list. */
class CoverageKanbanController extends KanbanController {
    static template = "auth_totp_mfa.CoverageKanbanView";
    static components = { ...KanbanController.components, CoverageHeadline };
}

const views = registry.category("views");
views.add("mfa_coverage_list", { ...listView, Controller: CoverageListController });
views.add("mfa_coverage_kanban", { ...kanbanView, Controller: CoverageKanbanController });
