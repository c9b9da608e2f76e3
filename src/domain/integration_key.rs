//! What a key of another system may be used for.

/// One thing that a key allows. The names stand in the database and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Scope {
    ClientsRead,
    ClientsWrite,
    TariffsWrite,
    CatalogueWrite,
    PlansRead,
    PlansWrite,
    MonthsRead,
    MoneyWrite,
    TasksRead,
    TasksWrite,
    ReportsRead,
    EurosRead,
}

impl Scope {
    /// All scopes, in the order in which they are listed.
    pub const ALL: [Scope; 12] = [
        Scope::ClientsRead,
        Scope::ClientsWrite,
        Scope::TariffsWrite,
        Scope::CatalogueWrite,
        Scope::PlansRead,
        Scope::PlansWrite,
        Scope::MonthsRead,
        Scope::MoneyWrite,
        Scope::TasksRead,
        Scope::TasksWrite,
        Scope::ReportsRead,
        Scope::EurosRead,
    ];

    /// As it is stored, written and told.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::ClientsRead => "clients:read",
            Scope::ClientsWrite => "clients:write",
            Scope::TariffsWrite => "tariffs:write",
            Scope::CatalogueWrite => "catalogue:write",
            Scope::PlansRead => "plans:read",
            Scope::PlansWrite => "plans:write",
            Scope::MonthsRead => "months:read",
            Scope::MoneyWrite => "money:write",
            Scope::TasksRead => "tasks:read",
            Scope::TasksWrite => "tasks:write",
            Scope::ReportsRead => "reports:read",
            Scope::EurosRead => "euros:read",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// What it allows, in words.
    pub const fn allows(self) -> &'static str {
        match self {
            Scope::ClientsRead => "who the clients are, and what is in their purses",
            Scope::ClientsWrite => "clients, indications, additions and representatives",
            Scope::TariffsWrite => "contracted tariffs, and how long absence is funded",
            Scope::CatalogueWrite => "services and their prices",
            Scope::PlansRead => "plan lines, absences, reviews and meetings, colour and forecast, staffing",
            Scope::PlansWrite => "agree and drop plan lines, mark days, enter absences, reviews and meetings",
            Scope::MonthsRead => "what each month granted, planned and left, operation by operation",
            Scope::MoneyWrite => "approve draws on the shared buffer, own money in and out, end a client's stay",
            Scope::TasksRead => "what waits for a human",
            Scope::TasksWrite => "say that a task is done, and how",
            Scope::ReportsRead => "the organisation's reports",
            Scope::EurosRead => {
                "beside clients:read, plans:read or months:read: euros of a scheme that counts in minutes"
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_a_name_of_its_own_and_is_found_by_it() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()).unwrap(), scope);
            assert!(!scope.allows().is_empty());
        }
        for wrong in ["", "clients", "Clients:read", "clients:read ", "*", "clients:*"] {
            assert_eq!(Scope::from_name(wrong), None, "{wrong}");
        }
    }
}
