from django.urls import path

from portal.home import views
from squads.story_pages.views import ask, is_it

urlpatterns = [
    path("", views.home, name="home"),
    path("first-steps/", views.first_steps_page, name="first_steps"),
    path("first-steps/hidden/", views.first_steps_hidden, name="first_steps_hidden"),
    path("caught-up/", views.caught_up, name="caught_up"),
    # Short addresses, outside the feature's own part so that people can type and programs can build them.
    path("is/", ask, name="ask"),
    path("is/<str:key>", is_it, name="is"),
]
