//! Who pays for what: the purses that the engine tries for each line, from left to right.
//!
//! Care and included lines are always paid, in the last resort by the organisation. Another line that cannot be paid
//! in full takes nothing and is left out. Own money pays activity, extra and own lines only, whatever a scheme says:
//! the rows for care and included name no own money, so no setting can bring it in. Source: the evaluation report
//! (Amsta, Archipel, ZZG) and Wlz 3.1.1.

use super::account::Kind;
use super::codes::stored_codes;
use super::money::{Amount, AmountError, Unit};

stored_codes! {
    /// What a service is *for this buyer*; says who may fund it. Lines are paid in this order.
    LineKind {
        /// Insured Wlz care.
        Care = 1 "care",
        /// What the Wlz package contains for this buyer.
        Included = 2 "included",
        /// Other day activities.
        Activity = 3 "activity",
        /// Voluntary facility services.
        Extra = 4 "extra",
        /// Never public money.
        Own = 5 "own",
    }
}

impl LineKind {
    /// Care and a meal are never refused; limits do not count them.
    pub const fn is_never_refused(self) -> bool {
        matches!(self, LineKind::Care | LineKind::Included)
    }

    /// The account that a line of this kind credits.
    pub const fn sales(self) -> Kind {
        match self {
            LineKind::Care => Kind::CareDelivered,
            LineKind::Included => Kind::IncludedSales,
            LineKind::Activity => Kind::ActivitySales,
            LineKind::Extra => Kind::ExtraSales,
            LineKind::Own => Kind::OwnSales,
        }
    }
}

/// A kept balance of one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum PurseName {
    Budget,
    Reserve,
    Savings,
    /// Own money in bought points.
    Credit,
    /// Own money in euros.
    CreditCents,
}

impl PurseName {
    /// All purses of a wallet, in the order of its row.
    pub const ALL: [PurseName; 5] =
        [PurseName::Budget, PurseName::Reserve, PurseName::Savings, PurseName::Credit, PurseName::CreditCents];

    /// As in answers and cases.
    pub const fn name(self) -> &'static str {
        match self {
            PurseName::Budget => "budget",
            PurseName::Reserve => "reserve",
            PurseName::Savings => "savings",
            PurseName::Credit => "credit",
            PurseName::CreditCents => "credit_cents",
        }
    }

    /// The code in request hashes; never changes.
    pub const fn code(self) -> u8 {
        match self {
            PurseName::Budget => 1,
            PurseName::Reserve => 2,
            PurseName::Savings => 3,
            PurseName::Credit => 4,
            PurseName::CreditCents => 5,
        }
    }

    /// The kind of its account.
    pub const fn kind(self) -> Kind {
        match self {
            PurseName::Budget => Kind::Budget,
            PurseName::Reserve => Kind::Reserve,
            PurseName::Savings => Kind::Savings,
            PurseName::Credit | PurseName::CreditCents => Kind::Credit,
        }
    }

    /// What it is counted in, in a wallet of `unit`.
    pub const fn unit(self, unit: Unit) -> Unit {
        match self {
            PurseName::CreditCents => Unit::Eur,
            _ => unit,
        }
    }

    /// The purse behind an account of a wallet of `unit`. Own money in euros is always `CreditCents`.
    pub const fn of(kind: Kind, unit: Unit) -> Option<PurseName> {
        match (kind, unit) {
            (Kind::Budget, _) => Some(PurseName::Budget),
            (Kind::Reserve, _) => Some(PurseName::Reserve),
            (Kind::Savings, _) => Some(PurseName::Savings),
            (Kind::Credit, Unit::Eur) => Some(PurseName::CreditCents),
            (Kind::Credit, _) => Some(PurseName::Credit),
            _ => None,
        }
    }
}

/// Who pays unplanned care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplanned {
    /// The client's reserve first.
    Personal,
    /// The organisation's `collective`, all of it.
    Collective,
}

/// When savings may pay care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CareFromSavings {
    Never,
    /// Lines that the client agreed to pay so: respite.
    Consented,
    Always,
}

/// What a scheme says about who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Rules {
    pub unplanned: Unplanned,
    pub extras_from_budget: bool,
    pub extras_from_savings: bool,
    pub care_from_savings: CareFromSavings,
}

/// What may be spent now: balance less what is held, in the wallet's unit (`credit_cents`: cents).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Free {
    pub budget: Amount,
    pub reserve: Amount,
    pub savings: Amount,
    pub credit: Amount,
    pub credit_cents: Amount,
    /// What the shared buffer gives to this sale: its balance, and what is left of an approved draw.
    pub buffer: Amount,
}

/// A line with its price for this buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedLine {
    /// Who may fund it.
    pub kind: LineKind,
    /// Of the whole line.
    pub price: Amount,
    /// Of the whole line in the wallet's unit; none if the service has no price in that unit.
    pub units: Option<Amount>,
    /// Care only: agreed in the plan.
    pub planned: bool,
    /// Care only: agreed to be paid from savings.
    pub from_savings: bool,
    /// What the line's own hold gives back before it is paid.
    pub hold: Vec<(PurseName, Amount)>,
}

stored_codes! {
    /// Why a line takes nothing. In the order in which it is decided.
    LeftOut {
        ServiceUnknown = 1 "service_unknown",
        PriceListOutOfDate = 2 "price_list_out_of_date",
        /// Without a working card staff register care and included lines only.
        CardNeeded = 3 "card_needed",
        OverLimit = 4 "over_limit",
        InsufficientFunds = 5 "insufficient_funds",
        /// Sold before: by a forward's online attempt, or as a planned day that was delivered.
        AlreadyBooked = 6 "already_booked",
        /// It could be paid: the card asks for its PIN for as much.
        PinNeeded = 7 "pin_needed",
    }
}

/// A line to fund, or one that was left out before money was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FundingLine {
    Priced(PricedLine),
    LeftOut(LeftOut),
}

/// Who pays a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A purse of the wallet.
    Purse(PurseName),
    /// The shared buffer.
    Buffer,
    /// The organisation's part for unplanned care.
    Collective,
    /// The organisation, in the wallet's unit.
    Overrun,
    /// The organisation, in cents.
    OverrunCents,
    /// The organisation, in cents: a forwarded offline sale that the purses cannot pay.
    OfflineLoss,
}

impl Source {
    /// As in answers and cases.
    pub const fn name(self) -> &'static str {
        match self {
            Source::Purse(purse) => purse.name(),
            Source::Buffer => "buffer",
            Source::Collective => "collective",
            Source::Overrun => "overrun",
            Source::OverrunCents => "overrun_cents",
            Source::OfflineLoss => "offline_loss",
        }
    }

    /// The source with this name.
    pub fn from_name(name: &str) -> Option<Source> {
        let others = [Source::Buffer, Source::Collective, Source::Overrun, Source::OverrunCents, Source::OfflineLoss];
        PurseName::ALL.into_iter().map(Source::Purse).chain(others).find(|source| source.name() == name)
    }
}

stored_codes! {
    /// Why this purse paid.
    Why {
        /// The budget pays planned care.
        Planned = 1 "planned",
        /// Reserve, then budget, pay unplanned care.
        Unplanned = 2 "unplanned",
        /// An approved draw on the shared buffer.
        ApprovedDraw = 3 "approved_draw",
        /// The scheme pays unplanned care for all together.
        Collective = 4 "collective",
        /// The client agreed to pay this care from savings.
        SavingsConsented = 5 "savings_consented",
        /// The scheme lets savings pay care.
        SavingsAllowed = 6 "savings_allowed",
        /// The package contains it.
        InPackage = 7 "in_package",
        /// Budget and savings may pay activities.
        Activity = 8 "activity",
        /// The scheme lets this purse pay extras.
        SchemeAllows = 9 "scheme_allows",
        /// Own money.
        OwnMoney = 10 "own_money",
        /// Own euros pay the share that no units were left for.
        OwnMoneyShare = 11 "own_money_share",
        /// Care and included lines are never refused.
        NeverRefused = 12 "never_refused",
        /// The service has no price in the wallet's unit.
        NoUnitPrice = 13 "no_unit_price",
        /// Sold offline; the purses could not pay it all.
        OfflineShortfall = 14 "offline_shortfall",
        /// A month's grant.
        Granted = 20 "granted",
        /// Back to who paid.
        GivenBack = 21 "given_back",
        /// The wallet is closed: back to the organisation, or owed.
        WalletClosed = 22 "wallet_closed",
        /// Own money came in.
        ToppedUp = 23 "topped_up",
        /// A top-up was taken back.
        TopUpReversed = 24 "top_up_reversed",
        /// What was taken back is spent already: owed.
        SpentAlready = 25 "spent_already",
        /// Own money bought points.
        PointsBought = 26 "points_bought",
        /// Bought points were paid back.
        PointsPaidBack = 27 "points_paid_back",
        /// Kept for later.
        Saved = 28 "saved",
        /// Not kept.
        Lapsed = 29 "lapsed",
        /// Two people approved the payout.
        PayoutApproved = 30 "payout_approved",
        /// The payout was paid.
        PayoutPaid = 31 "payout_paid",
        /// The client agreed to pay what a sale sold offline could not.
        LossTakenOver = 32 "loss_taken_over",
        /// A month's grant was another.
        Corrected = 33 "corrected",
    }
}

/// One transfer that pays a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct FundingLeg {
    /// From 0, as sent.
    pub line: usize,
    pub source: Source,
    pub amount: Amount,
    pub why: Why,
}

/// How a sale's shortfalls are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// A line that cannot be paid in full is left out.
    LeaveOut,
    /// As `LeaveOut`, and one line left out declines all (a vending machine).
    DeclineWhole,
    /// What was sold offline is sold: what purses cannot pay is the organisation's loss.
    OfflineLoss,
}

/// What was decided. `legs` by line, within a line in the order in which the purses were asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Funding {
    pub legs: Vec<FundingLeg>,
    /// By line, ascending.
    pub left_out: Vec<(usize, LeftOut)>,
}

/// Why a line cannot be funded at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FundingError {
    /// Price and units must both be 0 or neither; in euros they are equal.
    #[error("price and units of a line disagree")]
    PriceAndUnitsDisagree,
    /// An amount out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// The most that activity, extra and own lines may come to; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Caps {
    pub limit: Option<Amount>,
    /// Where the holder was not verified.
    pub pin_free: Option<Amount>,
}

/// Decides who pays each line.
///
/// Lines are paid in the order care, included, activity, extra, own, within a kind as sent: fixed and simple, not
/// optimal. Under [`Shortfall::DeclineWhole`] any line left out leaves all out and takes nothing.
///
/// # Errors
/// [`FundingError::PriceAndUnitsDisagree`] before anything is decided.
pub fn fund(
    unit: Unit,
    rules: Rules,
    free: Free,
    lines: &[FundingLine],
    shortfall: Shortfall,
    caps: Caps,
) -> Result<Funding, FundingError> {
    for line in lines {
        if let FundingLine::Priced(line) = line {
            check_price(unit, line)?;
        }
    }
    let mut engine = Engine { unit, rules, free, shortfall, caps, legs: Vec::with_capacity(lines.len() * 2) };
    let mut left_out = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let FundingLine::LeftOut(reason) = line {
            left_out.push((number, *reason));
        }
    }
    for kind in LineKind::ALL.iter().copied() {
        for (number, line) in lines.iter().enumerate() {
            if let FundingLine::Priced(line) = line
                && line.kind == kind
                && let Some(reason) = engine.pay(number, line)?
            {
                left_out.push((number, reason));
            }
        }
    }
    left_out.sort_by_key(|(number, _)| *number);
    let mut legs = engine.legs;
    if shortfall == Shortfall::DeclineWhole && !left_out.is_empty() {
        legs.clear();
    }
    legs.sort_by_key(|leg| leg.line);
    Ok(Funding { legs, left_out })
}

/// Whether price and units of a line can both be right: equal in euros, elsewhere both 0 or neither.
///
/// # Errors
/// [`FundingError::PriceAndUnitsDisagree`].
pub fn check_price(unit: Unit, line: &PricedLine) -> Result<(), FundingError> {
    let agree = match (unit, line.units) {
        (Unit::Eur, Some(units)) => units == line.price,
        (Unit::Eur, None) => false,
        (_, Some(units)) => units.unit() == unit && units.is_zero() == line.price.is_zero(),
        (_, None) => true,
    };
    if agree { Ok(()) } else { Err(FundingError::PriceAndUnitsDisagree) }
}

struct Engine {
    unit: Unit,
    rules: Rules,
    free: Free,
    shortfall: Shortfall,
    caps: Caps,
    legs: Vec<FundingLeg>,
}

/// Units still to pay of the line at hand.
struct Bill {
    line: usize,
    rest: Amount,
}

impl Engine {
    /// Pays one line, or takes nothing and says why it is left out.
    fn pay(&mut self, number: usize, line: &PricedLine) -> Result<Option<LeftOut>, FundingError> {
        let counted = !line.kind.is_never_refused() && self.shortfall != Shortfall::OfflineLoss;
        let is_over = |cap: Option<Amount>| counted && cap.is_some_and(|cap| cap.minus(line.price).is_err());
        if is_over(self.caps.limit) {
            return Ok(Some(LeftOut::OverLimit));
        }
        let before = (self.free, self.legs.len());
        for (purse, amount) in &line.hold {
            let free = self.free_in(*purse);
            *free = free.plus(*amount)?;
        }
        let refused = if !self.take_all(number, line)? {
            Some(LeftOut::InsufficientFunds)
        } else if is_over(self.caps.pin_free) {
            // Last, so that nobody is asked for a PIN in vain.
            Some(LeftOut::PinNeeded)
        } else {
            None
        };
        if refused.is_some() {
            self.free = before.0;
            self.legs.truncate(before.1);
            return Ok(refused);
        }
        for cap in [&mut self.caps.limit, &mut self.caps.pin_free] {
            if let (true, Some(left)) = (counted, cap) {
                *left = left.minus(line.price)?;
            }
        }
        Ok(None)
    }

    /// Takes what the line costs; false if a line that may be refused cannot be paid in full.
    fn take_all(&mut self, number: usize, line: &PricedLine) -> Result<bool, FundingError> {
        let Some(units) = line.units else {
            if line.kind.is_never_refused() {
                self.leg(number, Source::OverrunCents, line.price, Why::NoUnitPrice);
                return Ok(true);
            }
            return Ok(self.take_euros(number, line.price, Why::NoUnitPrice));
        };
        let mut bill = Bill { line: number, rest: units };
        match line.kind {
            LineKind::Care => {
                self.take_care(&mut bill, line);
                self.leg(number, Source::Overrun, bill.rest, Why::NeverRefused);
                return Ok(true);
            }
            LineKind::Included => {
                self.take(&mut bill, PurseName::Budget, Why::InPackage);
                self.leg(number, Source::Overrun, bill.rest, Why::NeverRefused);
                return Ok(true);
            }
            LineKind::Activity => {
                self.take(&mut bill, PurseName::Budget, Why::Activity);
                self.take(&mut bill, PurseName::Savings, Why::Activity);
            }
            LineKind::Extra => {
                if self.rules.extras_from_budget {
                    self.take(&mut bill, PurseName::Budget, Why::SchemeAllows);
                }
                if self.rules.extras_from_savings {
                    self.take(&mut bill, PurseName::Savings, Why::SchemeAllows);
                }
            }
            LineKind::Own => {}
        }
        self.take(&mut bill, PurseName::Credit, Why::OwnMoney);
        let share = line.price.share_ceil(bill.rest.minor(), units.minor())?;
        let why = if bill.rest == units { Why::OwnMoney } else { Why::OwnMoneyShare };
        Ok(self.take_euros(number, share, why))
    }

    fn take_care(&mut self, bill: &mut Bill, line: &PricedLine) {
        if line.planned {
            self.take(bill, PurseName::Budget, Why::Planned);
        } else if self.rules.unplanned == Unplanned::Collective {
            self.leg(bill.line, Source::Collective, bill.rest, Why::Collective);
            bill.rest = Amount::zero(self.unit);
        } else {
            self.take(bill, PurseName::Reserve, Why::Unplanned);
            let drawn = bill.rest.at_most(self.free.buffer);
            self.free.buffer = self.free.buffer.minus_or_zero(drawn);
            bill.rest = bill.rest.minus_or_zero(drawn);
            self.leg(bill.line, Source::Buffer, drawn, Why::ApprovedDraw);
            self.take(bill, PurseName::Budget, Why::Unplanned);
        }
        match self.rules.care_from_savings {
            CareFromSavings::Always => self.take(bill, PurseName::Savings, Why::SavingsAllowed),
            CareFromSavings::Consented if line.from_savings => {
                self.take(bill, PurseName::Savings, Why::SavingsConsented);
            }
            _ => {}
        }
    }

    /// Takes as much of the bill as the purse has free.
    fn take(&mut self, bill: &mut Bill, purse: PurseName, why: Why) {
        let free = self.free_in(purse);
        let taken = bill.rest.at_most(*free);
        *free = free.minus_or_zero(taken);
        bill.rest = bill.rest.minus_or_zero(taken);
        self.leg(bill.line, Source::Purse(purse), taken, why);
    }

    /// Takes `price` from own euros in full; offline, what is missing is the organisation's loss.
    fn take_euros(&mut self, line: usize, price: Amount, why: Why) -> bool {
        let taken = price.at_most(self.free.credit_cents);
        let missing = price.minus_or_zero(taken);
        if !missing.is_zero() && self.shortfall != Shortfall::OfflineLoss {
            return false;
        }
        self.free.credit_cents = self.free.credit_cents.minus_or_zero(taken);
        self.leg(line, Source::Purse(PurseName::CreditCents), taken, why);
        self.leg(line, Source::OfflineLoss, missing, Why::OfflineShortfall);
        true
    }

    fn leg(&mut self, line: usize, source: Source, amount: Amount, why: Why) {
        if !amount.is_zero() {
            self.legs.push(FundingLeg { line, source, amount, why });
        }
    }

    fn free_in(&mut self, purse: PurseName) -> &mut Amount {
        match purse {
            PurseName::Budget => &mut self.free.budget,
            PurseName::Reserve => &mut self.free.reserve,
            PurseName::Savings => &mut self.free.savings,
            PurseName::Credit => &mut self.free.credit,
            PurseName::CreditCents => &mut self.free.credit_cents,
        }
    }
}
