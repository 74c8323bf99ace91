"""What a run plays by: the production protocol, or a mutant of it.

`account`, `pool`, `may_credit` and `may_trust` are the production machines. The switches say what
the code around them must do; each is load-bearing, and a mutant turns it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from badges.places.account import Account, may_credit, may_trust
from badges.places.pool import Limited, Pool, within_limit


@dataclass(frozen=True)
class Rules:
    account: type[Account] = Account
    pool: type[Pool] = Pool
    may_credit: Callable[..., bool] = may_credit
    may_trust: Callable[..., bool] = may_trust
    # At the door.
    commit_before_light: bool = True
    offered_is_durable: bool = True
    gone_whole_journal: bool = True  # else only where the exit travels in the same batch
    remembers_named: bool = True  # the stays that it closed
    sends_again: bool = True  # what a restored server lacks
    snapshot_after_restore: bool = True  # of what the door knows
    own_orders_only: bool = True  # not those of another generation of the same kiosk
    # At a door of a room inside a hall, which leads in from outside both.
    enters_outer: bool = True  # an entry counts in both
    needs_all_places: bool = True  # one of each, or nobody gets in
    one_commit: bool = True  # both or neither are on disk
    exits_outer: bool = True  # an exit ends the stays of both
    outer_credited_once: bool = True
    gone_by_hall: bool = True  # a place taken back in one is not so in the other
    # In a hall that keeps places.
    within_limit: Callable[..., Limited] = within_limit
    keeps_for_some: bool = True  # kept places, at the door
    credits_own_pool: bool = True  # an exit, with the place that the entry used
    tells_pool: bool = True  # an order, of which places it is
    awaits_in_all_pools: bool = True  # after a restore
    # In a hall with override places.
    leaves_owed: bool = True  # a door, the places that are for people beyond the capacity
    calls_back_owed: bool = True  # the server, from every door
    # At the server.
    commit_before_order: bool = True
    orders_are_totals: bool = True
    in_order_once: bool = True  # records by sequence, repeats ignored
    stay_has_generation: bool = True
    stay_closes_once: bool = True
    closes_by_badge: bool = False  # an exit that can name no stay
    remembers_early_exits: bool = True  # those that arrive before the entry
    counts_trusted: bool = True
    exit_means_earlier: bool = True  # one that names no stay: a stay that began before it
    infers_from_sure_clocks: bool = True  # alone, that somebody moved to another hall
    move_keeps_place: bool = True  # where scanned exits alone count
    counts_moves: bool = True  # those that freed a place
    frees_once: bool = True  # a stay whose place a move freed, and that an exit then names
    hasty_frees_nothing: bool = True  # a move faster than people walk
    copy_frees_nothing: bool = True  # any move of a likely copy
    orders_in_one_epoch: bool = True  # alone, by clocks
    names_attested: bool = True  # tells the pool which stay was closed
    fresh_incarnation: bool = True  # one above every one ever used
    acts_on_second_disk: bool = True  # before they are answered
    notices_forks: bool = True
    grants_to_stopped: bool = False
    # Of a database that was put back silently.
    shows_marks: bool = True  # the door, of how far the server had come
    believes_marks: bool = True
    believes_grants: bool = True  # that the server signed and does not know
    doubts_fences: bool = True  # of the time before it was noticed
    knows_its_runs: bool = True  # else a mark is compared with how far it is by now
