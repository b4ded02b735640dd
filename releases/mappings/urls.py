from django.urls import path

from releases.mappings import views

app_name = "mappings"
urlpatterns = [
    path("sources/mapping/", views.rule_list, name="rule_list"),
    path("sources/mapping/new/", views.rule_create, name="rule_create"),
    path("sources/mapping/<int:pk>/", views.rule_edit, name="rule_edit"),
    path("sources/mapping/<int:pk>/remove/", views.rule_remove, name="rule_remove"),
    path("sources/mapping/<int:pk>/place/", views.rule_move, name="rule_move"),
    path("sources/unmapped/", views.unmapped_list, name="unmapped"),
    path("sources/unmapped/mend/", views.unmapped_resolve, name="unmapped_resolve"),
]
