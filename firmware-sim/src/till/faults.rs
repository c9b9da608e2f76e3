//! Faults that are planted to see that tests find them.

/// Each switch is a fault; all are off unless a test or a simulation turns one on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // switches, each by itself
pub struct Faults {
    /// "Approved" is said before the journal has it.
    pub journal_after_approval: bool,
    /// Records are not synced.
    pub no_fsync: bool,
    /// Each try to forward gives the record a new id.
    pub forward_under_new_id: bool,
    /// Cached blocked cards are not looked at.
    pub hotlist_ignored: bool,
    /// A forward does not name the attempt that it takes the place of.
    pub instead_of_not_named: bool,
    /// The card's MAC for the terminal is not looked at.
    pub terminal_mac_not_verified: bool,
    /// No answer in time is taken for a decline: nobody asks again, nothing is undone.
    pub timeout_is_decline: bool,
    /// No answer in time is taken for an approval.
    pub timeout_is_approval: bool,
    /// What was sold offline before a restart counts no more.
    pub limits_forgotten_at_restart: bool,
    /// Records are dropped when the service answers with a problem.
    pub dropped_on_problem: bool,
    /// Records count as delivered when they were sent.
    pub delivered_when_sent: bool,
    /// Terminal sequences start again at 1 after a restart.
    pub sequence_restarts: bool,
    /// The tap that was signed for the service is forwarded, without a new tap.
    pub online_tap_forwarded: bool,
    /// Newer records are forwarded first.
    pub forwards_out_of_order: bool,
    /// A sale that staff cancelled while its end was unknown is not undone.
    pub cancel_undoes_nothing: bool,
    /// For who makes the card: its memory forgets a tap whose answer was torn, so its counter comes twice.
    pub card_reuses_counter: bool,
}

impl Faults {
    /// The names of all switches.
    pub const NAMES: [&'static str; 16] = [
        "journal-after-approval",
        "no-fsync",
        "forward-under-new-id",
        "hotlist-ignored",
        "instead-of-not-named",
        "terminal-mac-not-verified",
        "timeout-is-decline",
        "timeout-is-approval",
        "limits-forgotten-at-restart",
        "dropped-on-problem",
        "delivered-when-sent",
        "sequence-restarts",
        "online-tap-forwarded",
        "forwards-out-of-order",
        "cancel-undoes-nothing",
        "card-reuses-counter",
    ];

    /// The fault of this name alone.
    pub fn named(name: &str) -> Option<Self> {
        let mut faults = Self::default();
        let switches = [
            &mut faults.journal_after_approval,
            &mut faults.no_fsync,
            &mut faults.forward_under_new_id,
            &mut faults.hotlist_ignored,
            &mut faults.instead_of_not_named,
            &mut faults.terminal_mac_not_verified,
            &mut faults.timeout_is_decline,
            &mut faults.timeout_is_approval,
            &mut faults.limits_forgotten_at_restart,
            &mut faults.dropped_on_problem,
            &mut faults.delivered_when_sent,
            &mut faults.sequence_restarts,
            &mut faults.online_tap_forwarded,
            &mut faults.forwards_out_of_order,
            &mut faults.cancel_undoes_nothing,
            &mut faults.card_reuses_counter,
        ];
        let place = Self::NAMES.iter().position(|known| *known == name)?;
        **switches.into_iter().nth(place).as_mut()? = true;
        Some(faults)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_one_switch_of_its_own() {
        let texts: HashSet<String> =
            Faults::NAMES.iter().map(|name| format!("{:?}", Faults::named(name).unwrap())).collect();
        assert_eq!(texts.len(), Faults::NAMES.len());
        assert!(texts.iter().all(|text| text.matches("true").count() == 1));
        assert_eq!(Faults::named("none"), None);
    }
}
