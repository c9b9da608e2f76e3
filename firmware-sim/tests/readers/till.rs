//! A till: the `firmware-sim` program with a reader, before a service of its own; and the cards that are shown to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use card_protocol::frame::select;
use card_protocol::keys::{CardKeys, OfflineVerifyKey, ResponseKey, ScriptKey, Secret, TransactionKey};
use card_protocol::personalise::{Personalise, PutKeys};
use firmware_sim::card::{Card, CardReader as _, Fleeting};
use firmware_sim::files::CardFile;
use firmware_sim::reader::{PcscReader, ReaderOptions, Wanted};
use firmware_sim::vpcd::{self, Left, Misbehaviour};

use super::fake_service::{Book, start};

/// A folder with a till's file, and the service that it knows.
pub struct Till {
    pub book: Arc<Book>,
    folder: PathBuf,
    _service: tokio::runtime::Runtime,
}

impl Till {
    pub fn new() -> Self {
        let service = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let book = Arc::new(Book::default());
        book.price_list.store(3, Ordering::Relaxed);
        let url = service.block_on(start(Arc::clone(&book)));
        let folder = PathBuf::from("/run/till");
        std::fs::create_dir(&folder).unwrap();
        let (id, key) = ("01010101-0101-0101-0101-010101010101", "0c".repeat(32));
        let file = format!(
            r#"{{"version":1,"terminal":"{id}","location":"{id}","name":"De Linde","service":"{url}","key":"{key}"}}"#
        );
        std::fs::write(folder.join("till.json"), file).unwrap();
        Self { book, folder, _service: service }
    }

    /// Starts a tap of two services.
    pub fn tap(&self, options: &[&str]) -> Tap {
        let mut child = Command::new(env!("CARGO_BIN_EXE_firmware-sim"))
            .arg("tap")
            .arg("--terminal")
            .arg(self.folder.join("till.json"))
            .args(options)
            .args(["Dienst 1=2", "Dienst 3"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Tap { child, lines, screen: String::new() }
    }

    /// How many sales the service has.
    pub fn sales(&self) -> usize {
        self.book.answers.lock().unwrap().len()
    }
}

/// A tap under way.
pub struct Tap {
    pub child: Child,
    lines: Receiver<String>,
    pub screen: String,
}

impl Tap {
    /// Waits until these words stand on the screen.
    pub fn says(&mut self, words: &str) {
        let until = Instant::now() + Duration::from_secs(15);
        while !self.screen.contains(words) {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.screen += &(line + "\n"),
                Err(why) => {
                    let errors = self.errors();
                    panic!("the screen never said `{words}` ({why}):\n{}{errors}", self.screen)
                }
            }
        }
        self.screen.clear();
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        let _ = self.child.kill();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }

    /// Waits for the end, and for these words before it.
    pub fn ends(mut self, code: i32, words: &str) {
        self.says(words);
        let status = self.child.wait().unwrap();
        let errors = self.errors();
        assert_eq!(status.code(), Some(code), "{}{errors}", self.screen);
    }
}

/// A card of the service, by the first byte of its id.
pub fn card(tag: u8) -> Card<Fleeting> {
    let (id, key) = (format!("{tag:02x}").repeat(16), "0b".repeat(32));
    let keys = format!(
        r#"{{"generation":1,"transaction":"{key}","response":"{key}","script":"{key}","offline_verify":"{key}"}}"#
    );
    let id = uuid::Uuid::parse_str(&id).unwrap();
    let file = format!(
        r#"{{"version":1,"card":"{id}","label":"mw. A. Voorbeeld","expires_on":"2031-01-01","generation":1,"keys":[{keys}],"state":null}}"#
    );
    serde_json::from_str::<CardFile>(&file).unwrap().fleeting().unwrap()
}

/// A card in a reader.
pub struct InReader {
    stream: TcpStream,
    thread: JoinHandle<(Card<Fleeting>, Left)>,
}

/// Holds a card against a reader.
pub fn show(mut card: Card<Fleeting>, reader: (&str, u16), how: Misbehaviour) -> InReader {
    let stream = vpcd::insert(reader).unwrap();
    let ours = stream.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        let left = vpcd::serve(stream, &mut card, how).unwrap_or(Left::Gone);
        (card, left)
    });
    InReader { stream: ours, thread }
}

impl InReader {
    /// Takes it away.
    pub fn take(self) -> Card<Fleeting> {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().unwrap().0
    }

    /// Waits until it leaves by itself.
    pub fn leaves(self) -> Card<Fleeting> {
        let (sender, receiver) = channel();
        let thread = self.thread;
        std::thread::spawn(move || {
            // who waits may have given up
            let _ = sender.send(thread.join().unwrap());
        });
        let (card, left) = receiver.recv_timeout(Duration::from_secs(10)).expect("the card leaves");
        assert_eq!(left, Left::Torn);
        // pcscd must see that it has gone
        let _ = self.stream.shutdown(Shutdown::Both);
        card
    }
}

/// Something in a reader's field that does not answer to a reset.
pub fn show_mute(reader: (&str, u16)) -> TcpStream {
    let stream = vpcd::insert(reader).unwrap();
    let mut ours = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 3];
        while ours.read_exact(&mut message).is_ok() {
            // asked for its answer to reset, it has one that means nothing: two cards that speak at once
            if message == [0, 1, 4] && ours.write_all(&[0, 1, 0xff]).is_err() {
                return;
            }
        }
    });
    stream
}

/// `firmware-sim card` with a card in the first reader.
pub struct Inserted(Child);

pub fn insert_program(file: &str, options: &[&str]) -> Inserted {
    let mut child = Command::new(env!("CARGO_BIN_EXE_firmware-sim"))
        .args(["card", "--file", file])
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("the card is in the reader"), "{said}");
    Inserted(child)
}

impl Inserted {
    /// Takes it out.
    pub fn end(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        // pcscd looks a few times a second
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Makes the blank card in the reader one of the service, as `pasje card issue --reader` does.
pub fn personalise(tag: u8) {
    let secret = || Secret::new([0x0b; 32]);
    let keys = CardKeys {
        transaction: TransactionKey::new(secret()),
        response: ResponseKey::new(secret()),
        script: ScriptKey::new(secret()),
        offline_verify: OfflineVerifyKey::new(secret()),
    };
    let record = Personalise {
        card: [tag; 16],
        generation: 1,
        tap_limit_cents: 2500,
        total_limit_cents: 5000,
        count_limit: 5,
        pin: None,
    };
    let mut reader = PcscReader::open(ReaderOptions::default(), Box::new(|_| ())).unwrap();
    reader.await_card(Wanted::Card).unwrap();
    for command in [select(), PutKeys { generation: 1, keys }.command(), record.command()] {
        assert!(reader.transmit(command.as_bytes()).as_bytes().ends_with(&[0x90, 0x00]), "{command:?}");
    }
}
