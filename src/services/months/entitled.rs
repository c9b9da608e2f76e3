//! What months' grants are computed from: rows of an organisation, read once a job, and of clients, read once a chunk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;

use super::MonthError;
use crate::db::absences::{self, AwayRows};
use crate::db::month_grants::GrantRow;
use crate::db::{DbError, entitlements};
use crate::domain::absence::{AbsenceSettings, Away, absent_days};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::grant_rules::Basis;
use crate::domain::indication::{Delivery, Indication, Package, Period};
use crate::domain::money::{AmountError, Unit};
use crate::domain::month_grant::{Entitled, Month, MonthGrant, MonthGrantError, month_grant};
use crate::domain::provisional::{funded_days, provisional};
use crate::domain::scheme::Scheme;
use crate::domain::tariff::{Addition, Tariff};
use crate::domain::wallet::{Buyer, Wallet};
use crate::services::schemes;

/// Of an organisation, for one month.
pub(super) struct Rules {
    pub month: Month,
    /// From any version of a scheme to the one that this month uses.
    in_force: HashMap<i32, i32>,
    schemes: HashMap<i32, Arc<Scheme>>,
    tariffs: HashMap<Package, Vec<Tariff>>,
    settings: AbsenceSettings,
}

impl Rules {
    pub async fn load(conn: &AsyncPgConnection, organisation: OrganisationId, month: Month) -> Result<Rules, DbError> {
        let in_force = schemes::in_force(conn, organisation, month).await?;
        let all = crate::db::schemes::list(conn, Some(organisation)).await?;
        let ids: Vec<i32> = all.iter().map(|row| row.id).collect();
        Ok(Rules {
            month,
            in_force,
            schemes: schemes::load(conn, &ids).await?,
            tariffs: entitlements::tariffs(conn, organisation, month.first()).await?,
            settings: absences::settings(conn, &[organisation]).await?.remove(&organisation).unwrap_or_default(),
        })
    }

    /// The version that a wallet of this scheme uses in the month: the same as before where none of its name has begun.
    pub fn version_of(&self, scheme: i32, wallet: &Wallet) -> i32 {
        let version = self.in_force.get(&scheme).copied().unwrap_or(scheme);
        let fits = self.schemes.get(&version).is_none_or(|rules| rules.unit() == wallet.unit);
        if fits { version } else { scheme }
    }

    /// What its file says; none for a row of before there were files.
    pub fn scheme(&self, id: i32) -> Option<&Arc<Scheme>> {
        self.schemes.get(&id)
    }

    /// What a scheme computes in.
    pub fn gross_unit(&self, id: i32) -> Unit {
        self.scheme(id).map_or(Unit::Eur, |scheme| scheme.grant.basis().gross_unit())
    }
}

/// Of the clients of a chunk.
pub(super) struct Clients {
    indications: HashMap<WalletId, Vec<Indication>>,
    additions: HashMap<WalletId, Vec<Addition>>,
    away: HashMap<WalletId, AwayRows>,
    /// The last day of those who left.
    left: HashMap<WalletId, NaiveDate>,
}

impl Clients {
    pub async fn load(conn: &AsyncPgConnection, wallets: &[WalletId], month: Month) -> Result<Clients, DbError> {
        let (indications, additions, away, left) = tokio::try_join!(
            biased;
            entitlements::indications(conn, wallets),
            entitlements::additions(conn, wallets, month.first()),
            absences::of_wallets(conn, wallets),
            entitlements::left(conn, wallets),
        )?;
        Ok(Clients { indications, additions, away, left })
    }

    pub fn indications(&self, wallet: WalletId) -> &[Indication] {
        self.indications.get(&wallet).map(Vec::as_slice).unwrap_or_default()
    }

    /// Days of a month on which a client is away, funded or not, or has left for good.
    pub fn absent_days(&self, wallet: WalletId, month: Month) -> u32 {
        let absent = self.away.get(&wallet).map_or(0, |away| absent_days(&away.absences, month));
        let Some(left) = self.left.get(&wallet) else { return absent };
        let gone = month.days().zip(0_u32..).filter(|(day, _)| day > left);
        gone.fold(absent, |bits, (_, place)| bits | 1 << place)
    }

    /// Who buys on a day: by the indication that covers it. A client who never had one stays what the wallet says.
    pub fn buyer_on(&self, wallet: &Wallet, day: NaiveDate) -> Buyer {
        let indications = self.indications(wallet.id);
        if indications.is_empty() {
            return wallet.buyer;
        }
        let covering = indications.iter().find(|indication| indication.period.has(day));
        match covering.map(|indication| indication.package.delivery) {
            Some(Delivery::Verblijf) => Buyer::Verblijf,
            Some(Delivery::Vpt) => Buyer::Vpt,
            Some(Delivery::Mpt) => Buyer::Mpt,
            None => Buyer::NoWlz,
        }
    }

    fn unfunded(&self, wallet: WalletId, rules: &Rules) -> Vec<Period> {
        let after = self.left.get(&wallet).and_then(|left| left.succ_opt());
        let mut unfunded: Vec<Period> = after.into_iter().map(|from| Period { from, to: None }).collect();
        let Some(away) = self.away.get(&wallet) else { return unfunded };
        let away = Away {
            absences: &away.absences,
            arrived_on: away.arrived_on,
            indications: self.indications(wallet),
            settings: &rules.settings,
        };
        unfunded.extend(away.unfunded_periods(rules.month));
        unfunded
    }
}

/// Why a grant is provisional, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataError {
    pub code: i16,
    pub day: Option<NaiveDate>,
}

impl DataError {
    const NO_RULES: DataError = DataError { code: 7, day: None };

    fn of(error: &MonthGrantError) -> DataError {
        let code = match error {
            MonthGrantError::OverlappingIndications(_) => 1,
            MonthGrantError::NoHours(_) => 2,
            MonthGrantError::NoTariff(_) => 3,
            MonthGrantError::AmbiguousTariff(_) => 4,
            MonthGrantError::DeductionsExceedTariff => 5,
            MonthGrantError::Amount(_) => 6,
        };
        DataError { code, day: error.day() }
    }
}

/// What a month brings a client, by a scheme.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    /// By whose rules.
    pub scheme: i32,
    pub grant: Option<MonthGrant>,
    pub funded_days: u32,
    pub error: Option<DataError>,
}

/// By the rules; with a data error and no grant where they cannot be computed.
pub(super) fn compute(rules: &Rules, clients: &Clients, wallet: WalletId, scheme: i32) -> Computed {
    let indications = clients.indications(wallet);
    let unfunded = clients.unfunded(wallet, rules);
    let days = || funded_days(rules.month, indications, &unfunded);
    let Some(of_scheme) = rules.scheme(scheme) else {
        // Without indication nothing is granted by any rules.
        let error = (days() > 0).then_some(DataError::NO_RULES);
        return Computed { scheme, grant: None, funded_days: days(), error };
    };
    let packages: HashSet<&Package> = indications.iter().map(|indication| &indication.package).collect();
    let of_packages = packages.into_iter().filter_map(|package| rules.tariffs.get(package));
    let tariffs: Vec<Tariff> = of_packages.flatten().cloned().collect();
    let additions = clients.additions.get(&wallet).map(Vec::as_slice).unwrap_or_default();
    let client = Entitled { indications, additions, unfunded: &unfunded };
    match month_grant(&of_scheme.grant, rules.month, &tariffs, client) {
        Ok(grant) => Computed { scheme, funded_days: grant.funded_days, grant: Some(grant), error: None },
        Err(error) => Computed { scheme, grant: None, funded_days: days(), error: Some(DataError::of(&error)) },
    }
}

/// A data error never empties a card: the last grant a funded day. Nothing without an earlier grant.
pub(super) fn compute_provisional(
    rules: &Rules,
    computed: &mut Computed,
    wallet: &Wallet,
    last: Option<&GrantRow>,
) -> Result<(), MonthError> {
    let Some(last) = last else { return Ok(()) };
    let granted = last.granted(wallet.unit, rules.gross_unit(last.scheme))?;
    let by = |scheme: i32| {
        let basis = match rules.scheme(scheme) {
            Some(scheme) => scheme.grant.basis().clone(),
            None if wallet.unit == Unit::Eur => Basis::Euros,
            None => return Err(MonthGrantError::Amount(AmountError::OtherUnit(wallet.unit, Unit::Eur))),
        };
        provisional(&granted, last.funded_days, computed.funded_days, &basis)
    };
    // A scheme that changed what it computes in has no provisional grant by its own rules: by those of the last one.
    if let Some((scheme, grant)) =
        [computed.scheme, last.scheme].into_iter().find_map(|scheme| Some((scheme, by(scheme).ok()?)))
    {
        computed.scheme = scheme;
        computed.grant = Some(grant);
    }
    Ok(())
}
