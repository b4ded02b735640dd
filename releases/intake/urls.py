from django.urls import path

from releases.intake import event_views, host_views, mapping_views, part_views, source_views, system_views, views

app_name = "intake"
urlpatterns = [
    path("inbox/", event_views.event_list, name="event_list"),
    path("inbox/replay-failed/", event_views.replay_failed, name="replay_failed"),
    path("inbox/<uuid:pk>/", event_views.event, name="event"),
    path("inbox/<uuid:pk>/state/", event_views.event_state, name="event_state"),
    path("inbox/<uuid:pk>/body/", event_views.event_body, name="event_body"),
    path("inbox/<uuid:pk>/replay/", event_views.event_replay, name="event_replay"),
    path("hooks/<slug:key>/", views.hook, name="hook"),
    path("sources/", source_views.source_list, name="source_list"),
    path("sources/new/git/", source_views.source_create_git, name="source_create_git"),
    path("sources/new/", system_views.system_choice, name="system_choice"),
    path("sources/new/push/", source_views.source_create_push, name="source_create_push"),
    path("sources/hosts/", host_views.host_list, name="host_list"),
    path("sources/hosts/<int:pk>/remove/", host_views.host_remove, name="host_remove"),
    path("sources/mapping/", mapping_views.rule_list, name="rule_list"),
    path("sources/mapping/new/", mapping_views.rule_create, name="rule_create"),
    path("sources/mapping/<int:pk>/", mapping_views.rule_edit, name="rule_edit"),
    path("sources/mapping/<int:pk>/remove/", mapping_views.rule_remove, name="rule_remove"),
    path("sources/mapping/<int:pk>/place/", mapping_views.rule_move, name="rule_move"),
    path("sources/mapping/parts/", part_views.part_list, name="part_list"),
    path("sources/mapping/parts/new/", part_views.part_add, name="part_add"),
    path("sources/mapping/parts/<int:pk>/remove/", part_views.part_remove, name="part_remove"),
    path("sources/unmapped/", mapping_views.unmapped_list, name="unmapped"),
    path("sources/unmapped/mend/", mapping_views.unmapped_mend, name="unmapped_mend"),
    path("sources/new/<slug:kind>/", system_views.system_create, name="system_create"),
    path("sources/help/<slug:kind>/", system_views.system_help, name="system_help"),
    path("sources/<slug:key>/", source_views.source, name="source"),
    path("sources/<slug:key>/test/", system_views.system_test, name="system_test"),
    path("sources/<slug:key>/edit/", source_views.source_edit, name="source_edit"),
    path("sources/<slug:key>/pull/", source_views.source_pull, name="source_pull"),
    path("sources/<slug:key>/state/", source_views.source_state, name="source_state"),
    path("sources/<slug:key>/token/", source_views.source_token, name="source_token"),
    path("sources/<slug:key>/remove/", source_views.source_remove, name="source_remove"),
]
