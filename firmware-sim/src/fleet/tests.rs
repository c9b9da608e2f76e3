//! What a fleet promises.

use super::*;
use crate::fake_service::{Book, start};
use crate::files::tests::{Folder, card_json, terminal_json};

const TERMINALS: u8 = 4;
const CARDS: u8 = 9;

struct Unseen;

impl Watcher for Unseen {
    fn live(&self, _: &str) {}
    fn progress(&self, _: u64, _: u64) {}
    fn phase(&self, _: Phase) {}
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for tag in 1..=TERMINALS {
        folder.file(&format!("terminals/{tag}.json"), &terminal_json(tag));
    }
    for tag in 1..=CARDS {
        folder.file(&format!("cards/{tag}.json"), &card_json(tag));
    }
    folder
}

fn plan(service: String) -> Plan {
    Plan {
        terminals: TERMINALS.into(),
        cards: CARDS.into(),
        rate: "0".parse().unwrap(),
        span: Duration::from_millis(300),
        settle_span: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        seed: 1,
        basket: Vec::new(),
        menu: Vec::new(),
        check: true,
        service: Some(service),
        live: None,
    }
}

async fn service(loses_every: usize) -> (Arc<Book>, String) {
    let book = Arc::new(Book::default());
    book.price_list.store(3, Ordering::Relaxed);
    book.loses_every.store(loses_every, Ordering::Relaxed);
    let url = start(Arc::clone(&book)).await;
    (book, url)
}

async fn run_in(folder: &Folder, plan: &Plan, stop: &Stop) -> Report {
    let mut opened = FleetFolder::open(&folder.0).unwrap();
    let watcher: Arc<dyn Watcher> = Arc::new(Unseen);
    run(&mut opened, plan, stop, &watcher).await.unwrap()
}

fn counters(folder: &Folder) -> u64 {
    let opened = FleetFolder::open(&folder.0).unwrap();
    opened.cards.iter().map(|card| u64::from(card.current_state().counter)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sale_is_known_though_answers_are_lost() {
    let (folder, (book, url)) = (folder("fleet-lost"), service(7).await);
    let report = run_in(&folder, &plan(url), &Stop::default()).await;
    assert!(report.is_sound() && report.asked_again > 0 && report.reconnects > 0, "{report:?}");
    assert_eq!(report.approved, report.taps, "{report:?}");
    assert_eq!(report.check.unwrap().checked, report.taps);
    assert_eq!(u64::try_from(book.answers.lock().unwrap().len()).unwrap(), report.taps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_fleet_goes_on_where_the_last_one_ended() {
    let (folder, (_, url)) = (folder("fleet-next"), service(0).await);
    let plan = Plan { span: Duration::from_millis(100), basket: vec![("dienst 2".to_owned(), 3)], ..plan(url) };
    let first = run_in(&folder, &plan, &Stop::default()).await;
    assert_eq!(counters(&folder), first.taps);
    let second = run_in(&folder, &plan, &Stop::default()).await;
    assert_eq!(counters(&folder), first.taps + second.taps);
    assert!(second.is_sound() && second.declined.is_empty(), "no counter was used twice: {second:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn baskets_are_made_of_the_menu_alone() {
    let (folder, (_, url)) = (folder("fleet-menu"), service(0).await);
    let plan = Plan { span: Duration::from_millis(100), menu: vec!["dienst 2".to_owned()], ..plan(url.clone()) };
    let report = run_in(&folder, &plan, &Stop::default()).await;
    assert!(report.is_sound() && report.taps > 0, "{report:?}");
    let plan = Plan { menu: vec!["no such thing".to_owned()], ..self::plan(url) };
    let mut opened = FleetFolder::open(&folder.0).unwrap();
    let watcher: Arc<dyn Watcher> = Arc::new(Unseen);
    assert!(run(&mut opened, &plan, &Stop::default(), &watcher).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_is_kept_and_what_was_missed_is_counted() {
    let (folder, (_, url)) = (folder("fleet-pace"), service(0).await);
    let plan = Plan { rate: "100".parse().unwrap(), span: Duration::from_millis(500), ..plan(url) };
    let report = run_in(&folder, &plan, &Stop::default()).await;
    assert_eq!(report.taps + report.missed, 50, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_is_told_to_stop_writes_its_counters() {
    let (folder, (_, url)) = (folder("fleet-stop"), service(0).await);
    let plan = Plan { rate: "20".parse().unwrap(), span: Duration::from_secs(600), ..plan(url) };
    let stop = Stop::default();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        told.set();
    });
    let report = run_in(&folder, &plan, &stop).await;
    assert!(report.is_sound() && report.taps > 0 && report.missed == 0, "{report:?}");
    assert_eq!(counters(&folder), report.taps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_changed_or_went_are_found() {
    let (folder, (book, url)) = (folder("fleet-changed"), service(0).await);
    let breaks = Arc::clone(&book);
    let plan = plan(url);
    tokio::spawn(async move {
        while breaks.answers.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut answers = breaks.answers.lock().unwrap();
        let ids: Vec<_> = answers.keys().copied().take(2).collect();
        answers.remove(&ids[0]);
        answers.get_mut(&ids[1]).unwrap().push(b' ');
    });
    let report = run_in(&folder, &plan, &Stop::default()).await;
    let check = report.check.unwrap();
    assert_eq!((check.lost, check.changed), (1, 1), "{report:?}");
    assert!(!report.is_sound());
}

#[tokio::test]
async fn too_few_terminals_or_cards_are_said_so() {
    let folder = folder("fleet-few");
    let mut opened = FleetFolder::open(&folder.0).unwrap();
    let watcher: Arc<dyn Watcher> = Arc::new(Unseen);
    for (terminals, cards, words) in [(5, 9, "4 terminals"), (1, 10, "9 cards"), (4, 3, "4 cards or more")] {
        let plan = Plan { terminals, cards, ..plan("http://127.0.0.1:1".to_owned()) };
        let error = run(&mut opened, &plan, &Stop::default(), &watcher).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
