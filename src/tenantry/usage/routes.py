"""How the actions on usage are reached. The commands draw, and are thus written by hand."""

from tenantry.kernel.route import Route
from tenantry.usage.actions import AdminMonthStatsAction, UserMonthStatsAction

ROUTES = (
    Route("GET", "/usage", AdminMonthStatsAction),
    Route("GET", "/usage/users/{user_id}", UserMonthStatsAction),
)
