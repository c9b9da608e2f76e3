//! What a terminal promises of a sale whose answer is late, lost or refused.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::give_up::{StopAsking, give_up};

/// What the fake service does with one request.
#[derive(Clone, Copy)]
enum Does {
    Replies(u16, &'static str),
    Closes,
    KeepsSilent,
}

struct Fake {
    url: String,
    /// Method and path, and the body, of each request.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

/// Reads one request; none if the client went away.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let first = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
                assert!(head.contains("signature-input: ") && head.contains("host: "), "{head}");
                return Some((first, body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn fake(script: &[Does]) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (script, requests) = (script.to_vec(), Arc::clone(&seen));
    tokio::spawn(async move {
        let mut script = script.into_iter();
        'connections: loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Some(request) = read_request(&mut stream).await {
                requests.lock().unwrap().push(request);
                match script.next().unwrap_or(Does::KeepsSilent) {
                    Does::Closes => continue 'connections,
                    Does::KeepsSilent => {
                        // until the client gives up on this connection
                        let _ = stream.read(&mut [0]).await;
                        continue 'connections;
                    }
                    Does::Replies(status, body) => {
                        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                        stream.write_all(head.as_bytes()).await.unwrap();
                    }
                }
            }
        }
    });
    Fake { url, seen }
}

const SOLD: &str = r#"{"id":"00000000-0000-0000-0000-000000000000","operation":"sale","outcome":"approved"}"#;
const SALE_UNKNOWN: &str = r#"{"type":"/problems/sale-unknown","title":"Unknown","status":404,"detail":""}"#;
const BUSY: &str = r#"{"type":"/problems/busy","title":"Busy","status":503,"detail":""}"#;
const REFUSED: &str = r#"{"type":"/problems/signature-wrong","title":"No","status":401,"detail":""}"#;
const ASKED: &str = "GET /api/v1/sales/00000000-0000-0000-0000-000000000000";
const SENT: &str = "POST /api/v1/sales";

fn attempt(operation: &'static str) -> Attempt {
    Attempt {
        path: Cow::Borrowed("/api/v1/sales"),
        body: Bytes::from_static(b"{\"a\":1}"),
        asked: Asked { id: Uuid::nil(), operation, lines: Some(1), card_cents: None },
    }
}

fn client(url: &str) -> Client {
    Client::new(url, Uuid::nil(), &[1; 32], Duration::from_millis(100)).unwrap()
}

fn patience(ms: u64) -> (StopAsking, GiveUp) {
    let (stop, give_up) = give_up();
    stop.stop_after(Duration::from_millis(ms));
    (stop, give_up)
}

/// How it ended, and what the service saw.
async fn settled(script: &[Does], patience_ms: u64) -> (Settled, Vec<String>) {
    let fake = fake(script).await;
    let (_stop, mut give_up) = patience(patience_ms);
    let settled = settle(&mut client(&fake.url), &attempt("sale"), &mut give_up).await;
    let seen = fake.seen.lock().unwrap().clone();
    for (request, body) in &seen {
        assert_eq!(body.as_str(), if request.starts_with("POST") { "{\"a\":1}" } else { "" }, "the very same bytes");
    }
    (settled, seen.into_iter().map(|(request, _)| request).collect())
}

fn is_sold(settled: &Settled) -> bool {
    matches!(&settled.ended, Ended::Answered(answered) if answered.bytes == SOLD && answered.nonsense.is_none())
}

#[tokio::test]
async fn an_answer_ends_it_at_once() {
    let (settled, seen) = settled(&[Does::Replies(200, SOLD)], 1000).await;
    assert!(is_sold(&settled) && settled.asked_again == 0, "{settled:?}");
    assert_eq!(seen, [SENT]);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_by_id() {
    for lost in
        [Does::Closes, Does::KeepsSilent, Does::Replies(504, ""), Does::Replies(502, ""), Does::Replies(500, "")]
    {
        let (settled, seen) = settled(&[lost, Does::Replies(200, SOLD)], 2000).await;
        assert!(is_sold(&settled), "{settled:?}");
        assert_eq!(seen, [SENT, ASKED]);
    }
}

#[tokio::test]
async fn a_sale_that_is_not_known_is_sent_again_as_it_was() {
    let script = [Does::Closes, Does::Replies(404, SALE_UNKNOWN), Does::Replies(200, SOLD)];
    let (settled, seen) = settled(&script, 2000).await;
    assert!(is_sold(&settled), "{settled:?}");
    assert_eq!(seen, [SENT, ASKED, SENT]);
}

#[tokio::test]
async fn a_busy_service_is_sent_the_same_again_without_asking() {
    let script = [Does::Replies(503, BUSY), Does::Replies(429, ""), Does::Replies(200, SOLD)];
    let (settled, seen) = settled(&script, 2000).await;
    assert!(is_sold(&settled) && settled.asked_again == 2, "{settled:?}");
    assert_eq!(seen, [SENT, SENT, SENT]);
}

#[tokio::test]
async fn a_refused_request_is_final_and_booked_nothing() {
    let (settled, seen) = settled(&[Does::Replies(401, REFUSED)], 1000).await;
    assert!(matches!(&settled.ended, Ended::Problem(problem) if problem.slug == "signature-wrong"), "{settled:?}");
    assert_eq!(seen, [SENT]);
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_it_unknown() {
    let (settled, _) = settled(&[Does::Closes, Does::Replies(401, REFUSED)], 2000).await;
    assert!(matches!(settled.ended, Ended::Unknown(_)), "{settled:?}");
}

#[tokio::test]
async fn without_an_answer_it_is_unknown_and_never_said_to_be_not_booked() {
    let (settled, _) = settled(&[Does::KeepsSilent, Does::Replies(503, BUSY), Does::Replies(503, BUSY)], 250).await;
    assert!(matches!(settled.ended, Ended::Unknown(_)), "{settled:?}");
}

#[tokio::test]
async fn what_never_arrived_is_not_booked() {
    let (settled, _) = settled(&[Does::Replies(503, BUSY); 20], 200).await;
    assert!(matches!(settled.ended, Ended::NotBooked(_)), "{settled:?}");
    let (_stop, mut give_up) = patience(100);
    // nobody listens on this port any more
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap());
    let settled = settle(&mut client(&url), &attempt("sale"), &mut give_up).await;
    assert!(matches!(settled.ended, Ended::NotBooked(_)), "{settled:?}");
}

#[tokio::test]
async fn a_refund_is_sent_again_as_it_cannot_be_asked_for() {
    let booked = r#"{"id":"00000000-0000-0000-0000-000000000000","operation":"refund","outcome":"booked"}"#;
    let fake = fake(&[Does::Closes, Does::Replies(200, booked)]).await;
    let (_stop, mut give_up) = patience(2000);
    let settled = settle(&mut client(&fake.url), &attempt("refund"), &mut give_up).await;
    assert!(matches!(&settled.ended, Ended::Answered(answered) if answered.nonsense.is_none()), "{settled:?}");
    assert!(fake.seen.lock().unwrap().iter().all(|(request, _)| request == SENT));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_it_unknown() {
    let (settled, _) = settled(&[Does::Replies(200, "{}")], 1000).await;
    assert!(matches!(settled.ended, Ended::Unknown(_)), "{settled:?}");
}

#[tokio::test]
async fn a_connection_is_kept_and_made_again_when_it_was_lost() {
    let fake =
        fake(&[Does::Replies(200, SOLD), Does::Replies(200, SOLD), Does::Closes, Does::Replies(200, SOLD)]).await;
    let mut client = client(&fake.url);
    for _ in 0..2 {
        client.send(Outgoing::get("/a")).await.unwrap();
    }
    assert_eq!(client.reconnects(), 0);
    assert!(matches!(client.send(Outgoing::get("/a")).await, Err(NoAnswer::Lost(_))));
    client.send(Outgoing::get("/a")).await.unwrap();
    assert_eq!(client.reconnects(), 1);
}
