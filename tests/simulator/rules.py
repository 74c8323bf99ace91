"""The rules of a run: the production protocol, or a mutant of it.

`account`, `pool`, `may_credit` and `may_trust` are the production machines. The switches are
duties of the code around them. Each is necessary, and a mutant turns it off.
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
    gone_whole_journal: bool = True  # else only if the exit travels in the same batch
    remembers_named: bool = True  # the stays that it closed
    sends_again: bool = True  # records that a restored server lacks
    snapshot_after_restore: bool = True  # of the door's knowledge
    own_orders_only: bool = True  # not those of another generation of the same kiosk
    # At a door of a room inside a hall, which leads in from outside both.
    enters_outer: bool = True  # an entry counts in both
    needs_all_places: bool = True  # a place in each, or no admission
    one_commit: bool = True  # both or neither are on disk
    exits_outer: bool = True  # an exit ends the stays of both
    outer_credited_once: bool = True
    gone_by_hall: bool = True  # a place taken back in one is not taken back in the other
    # In a hall that keeps places.
    within_limit: Callable[..., Limited] = within_limit
    keeps_for_some: bool = True  # kept places, at the door
    credits_own_pool: bool = True  # an exit, with the place that the entry used
    tells_pool: bool = True  # an order names its pool
    awaits_in_all_pools: bool = True  # after a restore
    # In a hall with override places.
    leaves_owed: bool = True  # a door leaves places for people beyond the capacity
    calls_back_owed: bool = True  # the server, from every door
    # At a phone.
    green_when_heard: bool = True  # without storage that persists
    # At the server.
    caps_phones: bool = True  # the free places of a phone
    commit_before_order: bool = True
    orders_are_totals: bool = True
    in_order_once: bool = True  # records by sequence, repeats ignored
    stay_has_generation: bool = True
    stay_closes_once: bool = True
    closes_by_badge: bool = False  # an exit that can name no stay
    remembers_early_exits: bool = True  # those that arrive before the entry
    counts_trusted: bool = True
    exit_means_earlier: bool = True  # an exit without a name ends only an earlier stay
    # only sure clocks show that a person moved to another hall
    infers_from_sure_clocks: bool = True
    move_keeps_place: bool = True  # if only scanned exits count
    counts_moves: bool = True  # those that freed a place
    frees_once: bool = True  # a stay whose place a move freed, and that an exit then names
    hasty_frees_nothing: bool = True  # a move faster than people walk
    copy_frees_nothing: bool = True  # any move of a likely copy
    orders_in_one_epoch: bool = True  # only clocks of one epoch order events
    names_attested: bool = True  # tells the pool which stay was closed
    fresh_incarnation: bool = True  # above every earlier one
    acts_on_second_disk: bool = True  # before they are answered
    notices_forks: bool = True
    grants_to_stopped: bool = False
    stopped_frees_nothing: bool = True  # records of a fenced or retired kiosk
    # If a database was put back silently.
    shows_marks: bool = True  # the door shows the server's progress
    believes_marks: bool = True
    believes_grants: bool = True  # grants that the server signed and does not know
    doubts_fences: bool = True  # fences from before it was noticed
    knows_its_runs: bool = True  # else a mark is compared with the present progress
