from django.urls import path

# Its converter of slugs is used below.
import releases.planning.urls  # noqa: F401
from releases.approvals import views

app_name = "approvals"
urlpatterns = [
    path("releases/<release:slug>/approvals/", views.approval_list, name="list"),
    path("releases/<release:slug>/approvals/ask/", views.approval_ask, name="ask"),
    path("releases/<release:slug>/approvals/<int:pk>/answer/", views.approval_answer, name="answer"),
    path("releases/<release:slug>/approvals/<int:pk>/withdraw/", views.approval_withdraw, name="withdraw"),
    path("releases/<release:slug>/accepters/", views.accepter_list, name="accepters"),
    path("releases/<release:slug>/accepters/plan/", views.accepter_plan, name="plan_accepters"),
]
