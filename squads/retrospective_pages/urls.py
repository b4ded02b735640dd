from django.urls import path

from squads.retrospective_pages import edit_views, feeds, timeline_views, views

app_name = "retrospective_pages"
urlpatterns = [
    path("retrospectives/", views.retrospective_list, name="list"),
    path("retrospectives/new/", edit_views.create, name="create"),
    path("retrospectives/feed.atom", feeds.feed, name="feed"),
    path("retrospectives/export.json", views.export_all_json, name="export_all_json"),
    path("retrospectives/export.zip", views.export_all_markdown, name="export_all_markdown"),
    path("retrospectives/<slug:slug>/", views.detail, name="detail"),
    path("retrospectives/<slug:slug>/edit/", edit_views.edit_page, name="edit"),
    path("retrospectives/<slug:slug>/mentions/", edit_views.mentions, name="mentions"),
    path("retrospectives/<slug:slug>/review/", edit_views.review, name="review"),
    path("retrospectives/<slug:slug>/draft/", edit_views.back_to_draft, name="back_to_draft"),
    path("retrospectives/<slug:slug>/publication/", edit_views.publish, name="publish"),
    path("retrospectives/<slug:slug>/reopen/", edit_views.reopen, name="reopen"),
    path("retrospectives/<slug:slug>/delete/", edit_views.delete, name="delete"),
    path("retrospectives/<slug:slug>/people/", edit_views.people, name="people"),
    path("retrospectives/<slug:slug>/people/<str:username>/remove/", edit_views.person_remove, name="person_remove"),
    path("retrospectives/<slug:slug>/timeline/", timeline_views.fill, name="fill"),
    path("retrospectives/<slug:slug>/timeline/new/", timeline_views.entry_create, name="entry_create"),
    path("retrospectives/<slug:slug>/timeline/dropped/", timeline_views.dropped, name="dropped"),
    path("retrospectives/<slug:slug>/timeline/<int:pk>/", timeline_views.entry_edit, name="entry_edit"),
    path("retrospectives/<slug:slug>/timeline/<int:pk>/state/", timeline_views.entry_state, name="entry_state"),
    path("retrospectives/<slug:slug>/versions/", views.version_list, name="versions"),
    path("retrospectives/<slug:slug>/versions/compare/", views.compare, name="compare"),
    path("retrospectives/<slug:slug>/read/", views.read, name="read"),
    path("retrospectives/<slug:slug>/learned/", views.learned, name="learned"),
    path("retrospectives/<slug:slug>/export.md", views.export_markdown, name="export_markdown"),
    path("retrospectives/<slug:slug>/export.json", views.export_json, name="export_json"),
    path("squads/<slug:slug>/sprint-retrospective/", edit_views.begin_sprint, name="begin_sprint"),
    path("squads/<slug:slug>/retrospective-sections/<slug:kind>/", edit_views.template, name="template"),
]
