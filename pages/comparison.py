from lib.charts.comparison import comparison
from lib.core.columns import CLIENT
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import show_over_time
from lib.ui.cluster_pages.parts import comparison_told
from lib.ui.page import begin
from lib.ui.parts.comparison import choose_panels
from lib.ui.parts.groups import choose_group, in_open_group

visible = in_open_group(
    begin(
        "Comparison",
        "When each event happened, above when it was received. A stretch with events above and "
        "none below may be an outage.",
        of_cluster=comparison_told,
    )
)
order, height = choose_panels()
found = visible.outages(analysis_of(visible.topic).outages) if visible.delays_tell else None
drawn = visible.found(
    ("comparison", height, order),
    lambda: comparison(
        visible.table,
        visible.rows,
        zero_ms=visible.zero_ms,
        scale=visible.scale,
        height=height,
        outages=found,
        order=order,
    ),
)
choose_group(drawn.lanes, visible.table[CLIENT].cat.categories)
show_over_time(
    drawn.picture,
    parameters.COMPARISON_CHART,
    TimeDomain.EVENT,
    visible.zero_ms,
    drawn.brushes,
)
