//! A stop in the middle of work loses nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;

use crate::card::Tap;
use crate::service::{COFFEE, House, RESTAURANT, read, wait_until};
use crate::wire::{Connection, Reply};

const SALES: &str = "/api/v1/sales";

/// How many there are to this port, and how many of them hold bytes that were not read yet.
fn connections_to(port: u16) -> (usize, usize) {
    let (table, port) = (read(Path::new("/proc/net/tcp")), format!(":{port:04X}"));
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // local address, remote address, state (1: established), bytes to send and to read
    let rows: Vec<_> = rows.filter(|row| row[1].ends_with(&port) && row[3] == "01").collect();
    (rows.len(), rows.iter().filter(|row| !row[4].ends_with(":00000000")).count())
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way_and_every_answer_stands() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    let mut cards = Vec::new();
    for _ in 0..4 {
        cards.push(house.card(&house.client(2000, 9000).await));
    }
    let mut serving = house.serve();
    let lines = [(COFFEE, 1)];
    let taps: Vec<Tap<'_>> = (0..220).map(|number| cards[number % 4].tap(&terminal, &lines)).collect();
    let (under_way, half_sent) = taps.split_at(200);
    let before = house.operations().await;

    // the database holds still, so that all of them are under way when the stop comes
    let mut holder = house.test.owner().await;
    holder.batch_execute("BEGIN; SELECT FROM wallet FOR UPDATE").await.unwrap();
    let open = || Connection::open(serving.address);
    let mut idle = open();
    assert_eq!(idle.ask(&serving.getting(&terminal, "/api/v1/catalogue", &[])).status, 200);
    let mut connections: Vec<Connection> = under_way.iter().map(|_| open()).collect();
    for (tap, connection) in under_way.iter().zip(&mut connections) {
        connection.write(&serving.posting(&terminal, SALES, &tap.sale())).unwrap();
    }
    let mut halves: Vec<(Connection, Vec<u8>)> = Vec::new();
    for tap in half_sent {
        let bytes = serving.posting(&terminal, SALES, &tap.sale());
        let (first, rest) = bytes.split_at(bytes.len() - 100);
        let mut connection = open();
        connection.write(first).unwrap();
        halves.push((connection, rest.to_vec()));
    }
    wait_until("the service has read all that was sent", || {
        let (connections, unread) = connections_to(serving.address.port());
        connections == 1 + taps.len() && unread == 0
    });
    assert_eq!(house.operations().await, before, "nothing was booked yet");

    let told = Instant::now();
    serving.terminate();
    std::thread::sleep(Duration::from_millis(500));
    for (connection, rest) in &mut halves {
        let _ = connection.write(rest);
    }
    assert!(
        Connection::try_open(serving.address).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
        "a service that stops takes no one new"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();

    let mut answered: Vec<(&Tap<'_>, Reply)> = Vec::new();
    for (tap, connection) in under_way.iter().zip(&mut connections) {
        let reply = connection.reply().unwrap().expect("a request that was under way is answered");
        answered.push((tap, reply));
    }
    let mut refused = 0;
    for (tap, (connection, _)) in half_sent.iter().zip(&mut halves) {
        // cut in the middle of an answer would be an error here
        match connection.reply() {
            Ok(Some(reply)) => answered.push((tap, reply)),
            Ok(None) => refused += 1,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    serving.wait_stopped();
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    assert!(serving.written().contains("pasje stopped"), "{}", serving.written());
    assert!(idle.reply().is_ok_and(|reply| reply.is_none()), "an idle connection is closed");

    let sold: Vec<_> = answered.iter().filter(|(_, reply)| reply.status == 200).collect();
    println!("stopped in {:?}", told.elapsed());
    println!("{} answered, {} sold, {refused} refused", answered.len(), sold.len());
    assert!(answered.iter().all(|(_, reply)| [200, 503].contains(&reply.status)), "{answered:?}");
    assert!(sold.len() >= 200, "{}", sold.len());
    // what was not answered was not booked, and what was answered stands as it was answered
    assert_eq!(house.operations().await, before + sold.len());
    let serving = house.serve();
    let mut connection = Connection::open(serving.address);
    for (tap, reply) in sold {
        let again = connection.ask(&serving.getting(&terminal, &format!("{SALES}/{}", tap.id), &[]));
        assert_eq!(again.text(), reply.text());
    }
    house.verify().await;
    assert!(house.run(&["verify"]).contains("everything fits"), "{}", house.run(&["verify"]));
}

impl std::fmt::Debug for Tap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id)
    }
}
