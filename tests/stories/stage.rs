//! An organisation made as its people make it: `pasje` commands, CSV files, a key for the client record system, a till, cards.
//! All tables are fictitious. Each story has a month of the past, so that it tells the same on any day.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{Datelike, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::{Card, Terminal, uuid};
use crate::integration::Key;
use crate::service::{House, Serving};
use crate::wire::Reply;

pub const STAFF: &str = "01900000-0000-7000-8000-0000000000aa";
pub const LOCATION: &str = "De Linde (fictief)";
/// Whom most stories are about.
pub const CLIENT: u32 = 8101;

/// All but `euros:read`.
const SCOPES: [&str; 10] = [
    "clients:read",
    "clients:write",
    "tariffs:write",
    "plans:read",
    "plans:write",
    "months:read",
    "money:write",
    "tasks:read",
    "tasks:write",
    "reports:read",
];

/// January: of this year, or of the last one as long as it is not over.
pub fn january() -> String {
    let today = Utc::now().date_naive();
    format!("{}-01", if today.month() > 1 { today.year() } else { today.year() - 1 })
}

/// Who lives there: number, profile, delivery form.
pub type Resident = (u32, &'static str, &'static str);

pub const RESIDENT: Resident = (CLIENT, "5VV", "verblijf");

/// Cents a day by profile, as in the contract, from a day to a day.
pub struct Tariff {
    pub profile: &'static str,
    pub day: &'static str,
    pub from: String,
    pub to: String,
}

pub fn tariff(profile: &'static str, day: &'static str) -> Tariff {
    Tariff { profile, day, from: "2020-01-01".to_owned(), to: String::new() }
}

pub fn tariffs_file(tariffs: &[Tariff]) -> String {
    let head = "prestatiecode;profiel;leveringsvorm;behandeling;dagbesteding;van;tot_en_met;prijs_per_dag;bron\n";
    let row = |Tariff { profile, day, from, to }: &Tariff| {
        format!("F-{profile};{profile};verblijf;nee;ja;{from};{to};{day};fictief, geen contract\n")
    };
    tariffs.iter().map(row).fold(head.to_owned(), |file, row| file + &row)
}

const SERVICES: &str = "\
dienstcode;naam;naam_en;groep;functie;btw_procent;inbegrepen_per_dag;uit_spaarpot;clientenraad_akkoord;gepubliceerd;verblijf;vpt;mpt;geen_wlz;gast;personeel
koffie;koffie;coffee (fictitious);dranken;;9;;;2019-11-12;2019-12-01;extra;extra;extra;extra;eigen;eigen
maaltijd;maaltijd;meal (fictitious);maaltijden;;9;1;;2019-11-12;2019-12-01;inbegrepen;inbegrepen;extra;extra;eigen;eigen
bier;bier;beer (fictitious);dranken;;21;;;;;eigen;eigen;eigen;eigen;eigen;eigen
kapper;kapper;hairdresser (fictitious);diensten;;9;;;2019-11-12;2019-12-01;extra;extra;extra;extra;eigen;eigen
ramen;ramen;windows (fictitious);diensten;;21;;;2019-11-12;2019-12-01;extra;extra;extra;extra;;
uitje;uitje;outing (fictitious);activiteiten;;0;;;;;activiteit;activiteit;activiteit;activiteit;;
douchen;douchen;shower (fictitious);zorg;helpende;0;;nee;;;zorg;zorg;zorg;;;
begeleiding;begeleiding;guidance (fictitious);zorg;verzorgende;0;;nee;;;zorg;zorg;zorg;;;
valhulp;valhulp;help after a fall (fictitious);zorg;verzorgende;0;;nee;;;zorg;zorg;zorg;;;
griepzorg;griepzorg;care in flu (fictitious);zorg;verzorgende;0;;nee;;;zorg;zorg;zorg;;;
respijt;respijt;respite (fictitious);zorg;verzorgende;0;;ja;;;zorg;zorg;zorg;;;
";

/// Prices of one, with its minutes. `guidance` is what a day of it costs in this story.
fn prices(guidance: &str) -> String {
    let mut file = "dienst;functie;van;prijs;minuten\n".to_owned();
    for (service, function, price, minutes) in [
        ("koffie", "", "2,50", 5),
        ("maaltijd", "", "9,50", 45),
        ("bier", "", "3,10", 10),
        ("kapper", "", "25,00", 45),
        ("ramen", "", "30,00", 60),
        ("uitje", "", "57,31", 120),
        ("douchen", "helpende", "24,75", 30),
        ("begeleiding", "verzorgende", guidance, 60),
        ("valhulp", "verzorgende", "56,20", 45),
        ("griepzorg", "verzorgende", "50,00", 60),
        ("respijt", "verzorgende", "125,00", 240),
    ] {
        writeln!(file, "{service};{function};2020-01-01;{price};{minutes}").unwrap();
    }
    file
}

/// Cents that a till shows for one.
fn cents(service: &str) -> u64 {
    match service {
        "koffie" => 250,
        "maaltijd" => 950,
        "bier" => 310,
        "kapper" => 2500,
        _ => panic!("no till sells {service}"),
    }
}

/// What a story needs that others do not.
pub struct Setting {
    pub scheme: &'static str,
    pub residents: Vec<Resident>,
    pub tariffs: Vec<Tariff>,
    /// What a day's guidance costs, as in the prices' file.
    pub guidance: &'static str,
}

impl Setting {
    /// One client of 5VV who lives in, at 241.15 euro a day.
    pub fn of(scheme: &'static str, guidance: &'static str) -> Setting {
        Setting { scheme, residents: vec![RESIDENT], tariffs: vec![tariff("5VV", "241,15")], guidance }
    }
}

/// The organisation, its running service and its till.
pub struct Stage {
    pub house: House,
    pub serving: Serving,
    /// Of the client record system; sees euros.
    pub key: Key,
    pub till: Terminal,
    price_list: u32,
    services: HashMap<String, Uuid>,
    /// The lock under which a service keeps an organisation's months: the running one would bring them up to today at once.
    _keeps_the_months: AsyncPgConnection,
}

impl Stage {
    pub async fn open(setting: Setting) -> Stage {
        let house = House::bare().await;
        house.run(&["organisation", "add", "Voorbeeldzorg (fictief)"]);
        let told = house.run(&["location", "add", LOCATION]);
        let location = told.split_whitespace().last().unwrap().parse().unwrap();
        let scheme = format!("{}/schemes/{}.toml", env!("CARGO_MANIFEST_DIR"), setting.scheme);
        house.run(&["scheme", "adopt", &scheme, "--organisation", "1", "--from", "2020-01"]);
        import(&house, "tariffs", &tariffs_file(&setting.tariffs));
        let mut clients = "nummer;naam;methodiek;locatie;aankomst\n".to_owned();
        let mut indications =
            "client_nummer;profiel;leveringsvorm;behandeling;dagbesteding;van;tot_en_met\n".to_owned();
        for (number, profile, delivery) in &setting.residents {
            writeln!(clients, "{number};mw. Q. Zonderling-{number} (fictief);{};{LOCATION};2020-03-01", setting.scheme)
                .unwrap();
            writeln!(indications, "{number};{profile};{delivery};nee;ja;2020-03-01;").unwrap();
        }
        import(&house, "clients", &clients);
        import(&house, "indications", &indications);
        import(&house, "services", SERVICES);
        import(&house, "prices", &prices(setting.guidance));
        let key = house.key(1, &[&SCOPES[..], &["euros:read"]].concat());
        let till = house.terminal(location);
        let mut keeper = house.test.owner().await;
        keeper.batch_execute("SELECT pg_advisory_lock(7215211, 1)").await.unwrap();
        let serving = house.serve();
        let catalogue = serving.get(&till, "/api/v1/catalogue").decided();
        let tiles = catalogue["services"].as_array().unwrap().iter();
        let services = tiles.map(|tile| (tile["name"].as_str().unwrap().to_owned(), uuid(&tile["id"]))).collect();
        let list = serving.get(&till, "/api/v1/price-list").decided();
        let price_list = list["version"].as_u64().unwrap().try_into().unwrap();
        Stage { house, serving, key, till, price_list, services, _keeps_the_months: keeper }
    }

    /// A key of who sees no euros: client, family.
    pub fn key_without_euros(&self) -> Key {
        self.house.key(1, &SCOPES)
    }

    pub fn import(&self, kind: &str, file: &str) -> String {
        import(&self.house, kind, file)
    }

    /// `pasje month`; what it told, by name: `grants` is `1`, `euro budget` is `3755.24`.
    pub fn month(&self, verb: &str, month: &str) -> HashMap<String, String> {
        let told = self.house.run(&["month", verb, month, "--organisation", "1"]);
        let lines = told.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.map(|words| (words[1..].join(" "), words[0].to_owned())).collect()
    }

    pub fn service(&self, code: &str) -> Uuid {
        self.services[code]
    }

    /// What one costs a resident, as the price list says.
    pub fn price(&self, code: &str) -> Value {
        let list = self.serving.get(&self.till, "/api/v1/price-list").decided();
        let mut prices = list["prices"].as_array().unwrap().iter();
        let of = |price: &&Value| price["service"] == json!(self.service(code)) && price["buyer"] == "verblijf";
        prices.find(of).unwrap().clone()
    }

    pub fn at(number: u32, rest: &str) -> String {
        format!("/api/v1/clients/{number}{rest}")
    }

    pub fn read(&self, target: &str) -> Value {
        self.serving.read_by(&self.key, target).decided()
    }

    pub fn send(&self, method: &str, target: &str, body: &Value) -> Value {
        self.serving.send_by(&self.key, method, target, body).decided()
    }

    /// Balance and what is held of it, by purse; empty purses are left out.
    pub fn purses_of(&self, number: u32) -> Value {
        let client = self.read(&Stage::at(number, ""));
        let purses = client["purses"].as_array().unwrap().iter();
        let filled = purses.filter(|purse| purse["balance"] != 0);
        filled.map(|purse| (purse["purse"].as_str().unwrap(), json!([purse["balance"], purse["held"]]))).collect()
    }

    pub fn purses(&self) -> Value {
        self.purses_of(CLIENT)
    }

    /// Agrees a line with the client; `from` as 2026-01-01.
    pub fn agree(&self, service: &str, performer: &str, recurrence: &str, from: &str) -> Value {
        let line = json!({"service": self.service(service), "performer": performer, "recurrence": recurrence,
            "starts_at": format!("{from}T09:00:00"), "duration_minutes": 30});
        self.send("POST", &Stage::at(CLIENT, "/plan-lines"), &line)
    }

    /// The client signs for a line's price, alternatives asked.
    pub fn consent(&self, line: &Value, signed_on: &str) -> Reply {
        let consent = json!({"price_shown_cents": line["price_cents"], "units_shown": line["units"], "alternatives_asked": true,
            "signed_on": signed_on, "recorded_by": STAFF});
        let target = format!("/plan-lines/{}/consent", line["id"].as_str().unwrap());
        self.serving.send_by(&self.key, "POST", &Stage::at(CLIENT, &target), &consent)
    }

    /// Agrees a line by staff, to which the client consents.
    pub fn plan(&self, service: &str, recurrence: &str, from: &str) -> Value {
        let line = self.agree(service, "staff", recurrence, from);
        let consented = self.consent(&line, from);
        assert_eq!(consented.status, 204, "{}", consented.text());
        line
    }

    /// A card of a client.
    pub fn card(&self, number: u32) -> Card {
        let file = self.house.path(&format!("card-{number}.json"));
        let (file, number) = (file.to_str().unwrap(), number.to_string());
        self.house.run(&["card", "issue", "--organisation", "1", "--client", &number, "--out", file]);
        Card::read(file.as_ref())
    }

    /// A tap at the till; what the service answered.
    pub fn tap(&self, card: &Card, basket: &[(&str, u32)]) -> Value {
        let lines: Vec<(Uuid, u32)> = basket.iter().map(|(code, quantity)| (self.service(code), *quantity)).collect();
        let mut tap = card.tap(&self.till, &lines);
        tap.amount_cents = basket.iter().map(|(code, quantity)| cents(code) * u64::from(*quantity)).sum();
        tap.price_list = self.price_list;
        self.serving.sell(&self.till, &tap.sale()).decided()
    }

    /// Staff note incidental care.
    pub fn note_care(&self, service: &str, quantity: u32) -> Value {
        let care = json!({"staff": STAFF, "lines": [{"service": self.service(service), "quantity": quantity}]});
        self.send("POST", &Stage::at(CLIENT, "/unplanned-care"), &care)
    }

    /// A month's grants, planned days and statement.
    pub fn shown(&self, month: &str) -> Value {
        self.read(&Stage::at(CLIENT, &format!("/months/{month}")))
    }

    /// Of a closed month: what each purse began and ended with, and what came and went by each flow. Purses in which nothing
    /// happened are left out.
    pub fn statement(&self, month: &str) -> Value {
        let shown = self.shown(month);
        let purses = shown["statement"]["purses"].as_array().unwrap_or_else(|| panic!("{shown}")).iter();
        let lived = purses.filter(|purse| purse["moved"] != json!([]) || purse["closing"] != 0);
        let told = lived.map(|purse| {
            let mut told = json!({"opening": purse["opening"], "closing": purse["closing"]});
            for moved in purse["moved"].as_array().unwrap() {
                let flow = moved["flow"].as_str().unwrap();
                told[flow] = json!(moved["came"].as_i64().unwrap() - moved["went"].as_i64().unwrap());
            }
            (purse["purse"].as_str().unwrap(), told)
        });
        told.collect()
    }

    /// Open tasks of a month: client, kind, amount. Reviews and consents that are due today are today's month's.
    pub fn tasks(&self, month: &str) -> Vec<(u64, String, Option<i64>)> {
        let tasks = self.read("/api/v1/tasks");
        let task = |task: &Value| {
            (task["client"].as_u64().unwrap(), task["kind"].as_str().unwrap().to_owned(), task["amount"].as_i64())
        };
        tasks["tasks"].as_array().unwrap().iter().filter(|task| task["month"] == month).map(task).collect()
    }

    /// Operations of a kind in a month, in the order in which they were booked.
    pub fn operations(&self, month: &str, kind: &str) -> Vec<Value> {
        let all = self.read(&Stage::at(CLIENT, &format!("/months/{month}/operations?limit=500")));
        let all = all["operations"].as_array().unwrap().iter();
        all.filter(|operation| operation["operation"] == kind).cloned().collect()
    }

    /// The office books own money that came in by bank.
    pub fn top_up(&self, amount_cents: i64) {
        let came_in = json!({"amount_cents": amount_cents, "from": "bank"});
        let booked = self.send("POST", &Stage::at(CLIENT, "/top-ups"), &came_in);
        assert_eq!(legs(&booked), [("bank", "credit", amount_cents, "topped_up")]);
    }

    /// The story ends: `pasje verify` finds nothing, and the service stops well.
    pub fn end(self) {
        let told = self.house.run(&["verify"]);
        assert!(told.contains("everything fits"), "{told}");
        self.serving.stop();
    }
}

fn import(house: &House, kind: &str, text: &str) -> String {
    let file = house.path(&format!("{kind}-{}.csv", Uuid::new_v4().simple()));
    std::fs::write(&file, text).unwrap();
    house.run(&["import", kind, file.to_str().unwrap()])
}

/// Who paid what to whom, and why.
pub fn legs(answer: &Value) -> Vec<(&str, &str, i64, &str)> {
    let legs = answer["legs"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    legs.map(|leg| {
        let word = |name: &str| leg[name].as_str().unwrap();
        (word("from"), word("to"), leg["amount"].as_i64().unwrap(), word("why"))
    })
    .collect()
}

/// Days 1 to `last`, as months show them.
pub fn days(first: u32, last: u32) -> Value {
    (first..=last).map(Value::from).collect()
}
