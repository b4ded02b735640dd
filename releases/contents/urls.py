from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.contents import views

app_name = "contents"
urlpatterns = [
    path("releases/<release:slug>/contents/", views.contents, name="contents"),
    path("releases/<release:slug>/contents/<slug:service>/", views.service_content, name="service"),
    path("releases/<release:slug>/contents/<slug:service>/choose/", views.choose, name="choose"),
    path("releases/<release:slug>/contents/<slug:service>/clear/", views.clear, name="clear"),
    path("releases/<release:slug>/contents/<slug:service>/schema/", views.name_schema_change, name="name"),
    path("schema-files/", views.company_patterns, name="company_patterns"),
    path("schema-files/save/", views.company_patterns_save, name="company_patterns_save"),
    path("services/<slug:slug>/schema-files/save/", views.service_patterns_save, name="service_patterns_save"),
    path("services/<slug:slug>/schema-files/", views.service_patterns, name="service_patterns"),
    path("deploy-order/", views.order_list, name="order"),
    path("deploy-order/new/", views.order_require, name="order_require"),
    path("deploy-order/<int:pk>/remove/", views.order_remove, name="order_remove"),
]
