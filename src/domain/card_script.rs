//! Scripts to a card: what waits, what goes out first, and what a new one makes needless.
//!
//! A card applies a script only if its number is above that of the last one it applied. So scripts go out by number, and one
//! that must come before others that wait gets the next number, and the others are queued again behind it.

use card_protocol::script::Change;

/// A script that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Queued {
    pub number: u32,
    pub change: Change,
}

/// What queueing a change writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New scripts, by number.
    pub new: Vec<Queued>,
    /// Numbers of waiting scripts that go out no more, each with the number of the one that took its place.
    pub replaced: Vec<(u32, u32)>,
}

/// What a change is about: the later of two about the same makes the earlier needless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Limits,
    OfflineCounts,
    Working,
    Generation,
}

const fn subject(change: Change) -> Subject {
    match change {
        Change::Limits { .. } => Subject::Limits,
        Change::ResetOffline => Subject::OfflineCounts,
        Change::Block | Change::Unblock => Subject::Working,
        Change::ActivateGeneration(_) => Subject::Generation,
    }
}

/// Whether a script makes an earlier one of the same card needless.
pub fn replaces(later: Change, earlier: Change) -> bool {
    subject(later) == subject(earlier)
}

/// Queues a change behind `last`, the highest number that this card was ever given, where `waiting` wait, by number.
///
/// Whether a card works comes before all else that waits: a stolen card must not be tapped once more for each script
/// before its block, nor an unblocked one be declined for that long.
///
/// None if the card's numbers are spent.
pub fn queue(last: u32, waiting: &[Queued], change: Change) -> Option<Plan> {
    let first = Queued { number: last.checked_add(1)?, change };
    let mut plan = Plan { new: vec![first], replaced: Vec::new() };
    for script in waiting {
        if replaces(change, script.change) {
            plan.replaced.push((script.number, first.number));
        } else if subject(change) == Subject::Working {
            let number = last.checked_add(u32::try_from(plan.new.len()).ok()?)?.checked_add(1)?;
            plan.new.push(Queued { number, change: script.change });
            plan.replaced.push((script.number, number));
        }
    }
    Some(plan)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIMITS: Change = Change::Limits { tap_cents: 1, total_cents: 2, count: 3 };
    const OTHER_LIMITS: Change = Change::Limits { tap_cents: 0, total_cents: 0, count: 0 };

    fn scripts(of: &[(u32, Change)]) -> Vec<Queued> {
        of.iter().map(|(number, change)| Queued { number: *number, change: *change }).collect()
    }

    #[test]
    fn a_script_goes_behind_what_waits_replaces_its_like_and_a_block_goes_before_all() {
        let activate = Change::ActivateGeneration;
        type Row<'a> = (u32, &'a [(u32, Change)], Change, &'a [(u32, Change)], &'a [(u32, u32)]);
        let rows: &[Row<'_>] = &[
            (0, &[], LIMITS, &[(1, LIMITS)], &[]),
            (7, &[], Change::Block, &[(8, Change::Block)], &[]),
            (2, &[(2, LIMITS)], Change::ResetOffline, &[(3, Change::ResetOffline)], &[]),
            (2, &[(2, LIMITS)], OTHER_LIMITS, &[(3, OTHER_LIMITS)], &[(2, 3)]),
            (3, &[(3, Change::Block)], Change::Unblock, &[(4, Change::Unblock)], &[(3, 4)]),
            (3, &[(3, activate(2))], activate(3), &[(4, activate(3))], &[(3, 4)]),
            (
                5,
                &[(4, activate(2)), (5, LIMITS)],
                Change::Block,
                &[(6, Change::Block), (7, activate(2)), (8, LIMITS)],
                &[(4, 7), (5, 8)],
            ),
            (
                8,
                &[(6, Change::Block), (7, activate(2)), (8, LIMITS)],
                Change::Unblock,
                &[(9, Change::Unblock), (10, activate(2)), (11, LIMITS)],
                &[(6, 9), (7, 10), (8, 11)],
            ),
            (8, &[(6, Change::Block), (7, activate(2))], LIMITS, &[(9, LIMITS)], &[]),
        ];
        for (last, waiting, change, new, replaced) in rows {
            let plan = queue(*last, &scripts(waiting), *change).unwrap();
            assert_eq!(plan, Plan { new: scripts(new), replaced: replaced.to_vec() }, "{waiting:?} and {change:?}");
        }
        assert_eq!(queue(u32::MAX, &[], Change::Block), None);
        assert_eq!(queue(u32::MAX - 1, &scripts(&[(9, LIMITS)]), Change::Block), None);
    }
}
