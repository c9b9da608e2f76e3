//! A till that got its key as a real one does: by a code on its screen that the office accepts.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::service::{Client, House, Serving, read};
use crate::till_page::{NOWHERE, program, url};

struct Enrolled {
    house: House,
    folder: PathBuf,
    terminal: String,
    client: Client,
    card: PathBuf,
}

impl Enrolled {
    /// Both programs, as people use them: the code is read off the till's screen.
    async fn open(serving: &Serving, house: House) -> Enrolled {
        let folder = house.path("till");
        let mut till = Command::new(program())
            .args(["enrol", "--folder", folder.to_str().unwrap(), "--service", &url(serving)])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut screen = BufReader::new(till.stdout.take().unwrap());
        let mut shown = String::new();
        let code = loop {
            let begins = shown.len();
            assert!(screen.read_line(&mut shown).unwrap() > 0, "{shown}");
            if let Some(rest) = shown[begins..].trim().strip_prefix("pasje terminal accept ") {
                break rest.split(' ').next().unwrap().to_owned();
            }
        };
        let said =
            house.run(&["terminal", "accept", &code, "--location", "Restaurant", "--name", "Kassa bij het raam"]);
        screen.read_to_string(&mut shown).unwrap();
        assert!(till.wait().unwrap().success() && shown.contains("Kassa bij het raam · Restaurant"), "{shown}");
        let number = said.lines().find_map(|line| line.strip_prefix("check number ")).unwrap();
        assert!(shown.contains(&firmware_sim::enrolment_screen::large(number)), "{number}: {shown}");
        let written: serde_json::Value = serde_json::from_str(&read(&folder.join("terminal.json"))).unwrap();
        assert!(written["sealed_key"].is_string() && written["key"].is_null(), "{written}");
        let client = house.client(100_000, 0).await;
        let card = house.card_file(&client, &[]);
        Enrolled { terminal: written["terminal"].as_str().unwrap().to_owned(), house, folder, client, card }
    }

    fn run(&self, folder: &Path, service: &str, arguments: &[&str]) -> (String, bool) {
        let mut command = Command::new(program());
        command.args(["till", "--folder", folder.to_str().unwrap(), "--service", service]).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
    }

    fn sell(&self, service: &str) -> (String, bool) {
        self.run(&self.folder, service, &["--sell", "Koffie", "--card", self.card.to_str().unwrap()])
    }
}

fn files(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_till_that_was_enrolled_sells_delivers_and_once_revoked_is_refused_and_holds_nothing() {
    let house = House::open().await;
    let serving = house.serve();
    let shop = Enrolled::open(&serving, house).await;
    let service = url(&serving);
    let (printed, is_good) = shop.sell(&service);
    assert!(is_good && printed.contains("BETAALD"), "{printed}");
    for _ in 0..2 {
        let (printed, is_good) = shop.sell(NOWHERE);
        assert!(is_good && printed.contains("GOED, opgeslagen"), "{printed}");
    }
    let (printed, is_good) = shop.run(&shop.folder, &service, &["--forward"]);
    assert!(is_good && printed.contains("Verbonden"), "{printed}");
    shop.house.all_judged().await;
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - 3 * 250, 0]);

    // one more waits, and a thief has copied what the folder holds
    assert!(shop.sell(NOWHERE).1);
    let stolen = shop.house.path("stolen");
    std::fs::create_dir(&stolen).unwrap();
    for file in files(&shop.folder) {
        std::fs::copy(shop.folder.join(&file), stolen.join(&file)).unwrap();
    }
    assert_eq!(files(&stolen).len(), 4, "{:?}", files(&stolen));
    shop.house.run(&["terminal", "revoke", &shop.terminal]);
    let (revoked, mut sold) = (Instant::now(), 0);
    let printed = loop {
        let (printed, is_good) = shop.sell(&service);
        if !is_good {
            break printed;
        }
        sold += 1;
        assert!(revoked.elapsed() < Duration::from_secs(5), "it still sells: {printed}");
    };
    assert!(printed.contains("ingetrokken") && !printed.contains("undelivered"), "{printed}");
    assert_eq!(files(&shop.folder), [""; 0]);
    // what waited was delivered before
    shop.house.all_judged().await;
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - (4 + sold) * 250, 0]);

    // the copy has the key, and no use of it
    let card = shop.card.to_str().unwrap();
    let mut tap = Command::new(program());
    tap.args(["tap", "--terminal", stolen.join("terminal.json").to_str().unwrap(), "--service", &service]);
    let output = tap.args(["--card", card, "Koffie"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("terminal-revoked"), "{said}");
    assert_eq!(shop.house.purses(&shop.client).await, [100_000 - (4 + sold) * 250, 0]);
    shop.house.verify().await;
}
