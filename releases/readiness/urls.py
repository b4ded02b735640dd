from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.readiness import template_views, views

app_name = "readiness"
OF = "releases/<release:slug>/"
urlpatterns = [
    path(f"{OF}readiness/", views.readiness, name="readiness"),
    path(f"{OF}readiness/<slug:gate>/", views.gate, name="gate"),
    path(f"{OF}readiness/<slug:gate>/override/", views.override, name="override"),
    path(f"{OF}overrides/<int:pk>/withdraw/", views.withdraw, name="withdraw"),
    path(f"{OF}flags/need/", views.need_flag, name="need_flag"),
    path(f"{OF}flags/<int:pk>/drop/", views.drop_flag, name="drop_flag"),
    path(f"{OF}checklist/add/", views.add_item, name="add_item"),
    path(f"{OF}checklist/<int:pk>/tick/", views.change_item, {"to": "tick"}, name="tick"),
    path(f"{OF}checklist/<int:pk>/untick/", views.change_item, {"to": "untick"}, name="untick"),
    path(f"{OF}checklist/<int:pk>/remove/", views.change_item, {"to": "remove"}, name="remove_item"),
    path(f"{OF}outside-checks/ask/", views.check_now, name="check_now"),
    path("gates/", template_views.template_list, name="templates"),
    path("gates/line/", template_views.template, name="template"),
    path("gates/save/", template_views.save, name="save_template"),
    path("gates/<int:pk>/delete/", template_views.delete, name="delete_template"),
    path("gates/checklist/add/", template_views.add_item, name="add_line_item"),
    path("gates/checklist/<int:pk>/remove/", template_views.remove_item, name="remove_line_item"),
]
