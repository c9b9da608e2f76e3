//! An unattended machine against the real service: whenever its power fails, the client pays for what came out.

use std::path::PathBuf;
use std::time::Duration;

use firmware_sim::card::Card;
use firmware_sim::client::Client as Line;
use firmware_sim::files::{CardFile, Stage, Vend, VendFile};
use firmware_sim::give_up::give_up;
use firmware_sim::request::{Mode, SaleLine};
use firmware_sim::terminal::{Order, Terminal};
use firmware_sim::vending::{Dies, Ending, Held, Machine};

use crate::card::uuid;
use crate::service::{COFFEE, Client, House, RESTAURANT, Serving, WINE, read};

struct Scene {
    house: House,
    client: Client,
    serving: Serving,
    terminal: Terminal,
    card: Card<firmware_sim::card::Fleeting>,
    file: VendFile,
    path: PathBuf,
}

impl Scene {
    async fn open(own_cents: i64) -> Scene {
        let house = House::open().await;
        let client = house.client(0, own_cents).await;
        let serving = house.serve();
        let (machine, card) = (house.path("machine.json"), house.path("card.json"));
        let place = RESTAURANT.to_string();
        house.run(&[
            "terminal",
            "add",
            "--location",
            &place,
            "--name",
            "Wasmachine",
            "--out",
            machine.to_str().unwrap(),
        ]);
        let number = client.number.to_string();
        house.run(&["card", "issue", "--organisation", "1", "--wallet", &number, "--out", card.to_str().unwrap()]);
        let document: serde_json::Value = serde_json::from_str(&read(&machine)).unwrap();
        let key = pasje::domain::hex::from_hex::<32>(document["key"].as_str().unwrap()).unwrap();
        let url = format!("http://{}", serving.address);
        let line = Line::new(&url, uuid(&document["terminal"]), &key, Duration::from_secs(5)).unwrap();
        let mut terminal = Terminal::new(uuid(&document["terminal"]), RESTAURANT, 0, line);
        terminal.refresh().await.unwrap();
        let card: CardFile = serde_json::from_str(&read(&card)).unwrap();
        let path = house.path("machine.vend");
        let file = VendFile::at(&path);
        Scene { house, client, serving, terminal, card: card.fleeting().unwrap(), file, path }
    }

    fn order(&self, service: uuid::Uuid, quantity: u32) -> Order {
        let lines = vec![SaleLine { service, quantity, hold: None }];
        Order { mode: Mode::Whole, staff: None, lines, claimed_price_list: None, signs_less: false }
    }

    /// A vend of two bottles, until the power fails.
    async fn vend(&mut self, quantity: u32, dies: Option<Dies>) -> Option<Ending> {
        let order = self.order(WINE, quantity);
        let (_stop, mut patience) = give_up();
        let mut machine = Machine::begin(&mut self.terminal, &self.file, &mut self.card, &order, 30).unwrap();
        assert_eq!(machine.set_aside(Some(&mut self.card), &mut patience).await.unwrap(), Held::Yes);
        if machine.deliver(dies, |_| {}).unwrap() { Some(machine.finish(&mut patience).await.unwrap()) } else { None }
    }

    /// The machine starts again.
    async fn restart(&mut self) -> Option<Ending> {
        let (_stop, mut patience) = give_up();
        let mut machine = Machine::unfinished(&mut self.terminal, &self.file).unwrap()?;
        let ending = machine.finish(&mut patience).await.unwrap();
        assert_eq!(self.file.read().unwrap(), None);
        Some(ending)
    }

    /// What the client has, and what of it is set aside.
    async fn is_left(&self, own_cents: i64, held_cents: i64) {
        assert_eq!(self.house.purses(&self.client).await, [0, own_cents]);
        let held = self.house.text("SELECT sum(credit_cents_held)::text FROM wallet").await;
        assert_eq!(held, held_cents.to_string());
    }
}

fn ending(delivered: u32, paid_cents: u64) -> Ending {
    Ending { delivered, paid_cents, came_too_late: false }
}

#[tokio::test]
async fn a_machine_sells_what_came_out_and_the_card_knows_it() {
    let mut scene = Scene::open(1000).await;
    assert_eq!(scene.vend(2, None).await, Some(ending(2, 620)));
    scene.is_left(380, 0).await;
    let last = scene.card.state().journal.unwrap();
    assert_eq!((last.state, last.approved_cents), (card_protocol::frame::TapState::Completed, 620));
    assert!(!scene.path.exists());
    // what cannot be paid does not come out
    let order = scene.order(WINE, 2);
    let (_stop, mut patience) = give_up();
    let mut machine = Machine::begin(&mut scene.terminal, &scene.file, &mut scene.card, &order, 30).unwrap();
    let held = machine.set_aside(Some(&mut scene.card), &mut patience).await.unwrap();
    assert_eq!(held, Held::No("insufficient_funds".to_owned()));
    assert!(!scene.path.exists());
    scene.is_left(380, 0).await;
    scene.house.verify().await;
}

#[tokio::test]
async fn whenever_the_power_fails_the_client_pays_for_what_came_out_and_for_nothing_else() {
    let mut scene = Scene::open(5000).await;
    // nothing came out
    assert_eq!(scene.vend(2, Some(Dies::AfterHold)).await, None);
    scene.is_left(5000, 620).await;
    assert_eq!(scene.restart().await, Some(ending(0, 0)));
    scene.is_left(5000, 0).await;
    // one of two came out
    assert_eq!(scene.vend(2, Some(Dies::AfterDelivery)).await, None);
    assert_eq!(scene.restart().await, Some(ending(1, 310)));
    scene.is_left(4690, 0).await;
    // it came out, was sold, and the power failed before the machine forgot it: it is sold once
    assert_eq!(scene.vend(1, Some(Dies::AfterDelivery)).await, None);
    let kept = scene.file.read().unwrap().unwrap();
    assert_eq!(scene.restart().await, Some(ending(1, 310)));
    scene.file.write(&kept).unwrap();
    assert_eq!(scene.restart().await, Some(ending(1, 310)));
    scene.is_left(4380, 0).await;
    // a piece was on its way: nobody knows, and the client does not pay
    assert_eq!(scene.vend(1, Some(Dies::AfterHold)).await, None);
    let kept = scene.file.read().unwrap().unwrap();
    scene.file.write(&Vend { stage: Stage::Delivering, ..kept }).unwrap();
    assert_eq!(scene.restart().await, Some(ending(0, 0)));
    scene.is_left(4380, 0).await;
    // the hold was asked for and the answer never came: it is found out, and given back
    let order = scene.order(COFFEE, 3);
    Machine::begin(&mut scene.terminal, &scene.file, &mut scene.card, &order, 30).unwrap();
    assert_eq!(scene.restart().await, Some(ending(0, 0)));
    scene.is_left(4380, 0).await;
    assert_eq!(scene.restart().await, None);
    scene.house.verify().await;
}

#[tokio::test]
async fn a_machine_that_was_off_for_longer_than_the_hold_charges_nothing() {
    let mut scene = Scene::open(1000).await;
    assert_eq!(scene.vend(2, Some(Dies::AfterDelivery)).await, None);
    scene.house.sql("UPDATE hold SET expires_at = now()").await;
    let expired = pasje::services::expire_holds::expire_holds(&scene.house.test.connect().await).await.unwrap();
    assert_eq!(expired, 1);
    let late = Ending { delivered: 1, paid_cents: 0, came_too_late: true };
    assert_eq!(scene.restart().await, Some(late));
    scene.is_left(1000, 0).await;
    scene.house.verify().await;
    drop(scene.serving);
}
