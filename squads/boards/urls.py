from django.urls import path

from squads.boards import card_views, views

app_name = "boards"
urlpatterns = [
    path("squads/<slug:slug>/board/", views.squad_board, name="board"),
    path("squads/<slug:slug>/board/settings/", views.settings, name="settings"),
    path("squads/<slug:slug>/board/stories/", views.add, name="add"),
    path("squads/<slug:slug>/board/views/", views.save_view, name="save_view"),
    path("squads/<slug:slug>/board/views/<int:pk>/remove/", views.remove_view, name="remove_view"),
    path("stories/<str:key>/place/", card_views.place, name="place"),
    path("stories/<str:key>/assignees/", card_views.assign, name="assign"),
    path("stories/<str:key>/block/", card_views.block, name="block"),
    path("stories/<str:key>/unblock/", card_views.unblock, name="unblock"),
    path("stories/<str:key>/by-hand/", card_views.by_hand, name="by_hand"),
]
